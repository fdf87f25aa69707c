import type { Core, Principal, Published, PublishOptions } from "@milepost/core";
import { utf8Length } from "@milepost/engine";
import {
  type Failure,
  JsonText,
  MilepostError,
  type Parsed,
  parseCarrying,
  refused,
} from "@milepost/protocol";
import type { z } from "zod";
import { answerJson } from "../answer.ts";
import { isNdjson, ndjsonLines, ndjsonMediaType, readBody } from "../body.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpDoorOptions } from "../endpoint.ts";
import { accepted, readAs } from "../reading.ts";
import { publishedSchema, publishSchema } from "../schemas.ts";

type Publish = z.infer<typeof publishSchema>;
type Result = Published | { readonly error: Failure };

/** Endpoint `POST /v1/publish`: one publication to one or many channels, or many publications as NDJSON. */
export function publishEndpoint({ core }: HttpDoorOptions): Endpoint {
  return {
    method: "POST",
    path: "/v1/publish",
    spec: describe({
      summary: "Publishes entries; a result with a position means that the entry is in the log.",
      body: { "application/json": publishSchema, [ndjsonMediaType]: publishSchema },
      success: {
        status: 200,
        description: "One result per channel or line, in the order given.",
        schema: publishedSchema,
      },
    }),
    async handle(context) {
      const { incoming } = context.env;
      const text = await readBody(incoming, core.limits.maxMessageBytes);
      const isLines = isNdjson(incoming.headers["content-type"]);
      return answerJson(context, await publishText(core, context.get("principal"), text, isLines));
    },
  };
}

/** Publishes the body of a request: one publication, or with `isLines` one on each line. Resolves with the answer. */
export function publishText(
  core: Core,
  principal: Principal,
  text: string,
  isLines: boolean,
): Promise<{ readonly results: readonly Result[] }> {
  if (isLines) {
    const items = ndjsonLines(text).map(readPublish);
    const fitting = withinSize(items, core.limits.maxMessageBytes);
    return publishAll(core, principal, fitting);
  }
  const item = accepted(readPublish(text));
  const { channel, event, data } = item;
  if (channel !== undefined) {
    // A single publication has a single outcome: its failure is the answer, not one result of several.
    return core.channels
      .publish(principal, channel, event, data, optionsOf(item))
      .then((published) => ({ results: [published] }));
  }
  const one = withinSize([{ ok: true, value: item }], core.limits.maxMessageBytes);
  for (const each of one) accepted(each);
  return publishAll(core, principal, one);
}

/** Reads one publication. The schema need not look at one that has nothing but a channel, an event and data. */
function readPublish(text: string): Parsed<Publish> {
  const json = parseCarrying(text, carried);
  if (!json.ok) return json;
  return isPlain(json.value) ? { ok: true, value: json.value } : readAs(publishSchema, json.value);
}

const carried = ["data"];

function isPlain(value: unknown): value is Publish {
  if (typeof value !== "object" || value === null) return false;
  for (const name in value) {
    if (name !== "channel" && name !== "event" && name !== "data") return false;
  }
  const { channel, event, data } = value as Readonly<Record<string, unknown>>;
  return typeof channel === "string" && typeof event === "string" && data instanceof JsonText;
}

/**
 * Refuses an item whose data, once for each of its channels, exceed the size of a message together with those of the
 * items before it. So a request stores no more than it may carry.
 */
function withinSize(
  items: readonly Parsed<Publish>[],
  maxBytes: number,
): readonly Parsed<Publish>[] {
  if (!items.some((item) => item.ok && item.value.channels !== undefined)) return items;
  let bytes = 0;
  return items.map((item) => {
    if (!item.ok) return item;
    const { channels, data } = item.value;
    const copies = channels?.length ?? 1;
    const size = data instanceof JsonText ? utf8Length(data.text) * copies : 0;
    if (copies > 1 && bytes + size > maxBytes) {
      return refused(
        "too_large",
        `the data, once for each channel, are over ${maxBytes} bytes together; publish to fewer channels at once`,
      );
    }
    bytes += size;
    return item;
  });
}

/**
 * Publishes all items and resolves with their results in order.
 *
 * All items are handed to the core before the first answer, so the log keeps their order and none waits for
 * another.
 */
async function publishAll(
  core: Core,
  principal: Principal,
  items: readonly Parsed<Publish>[],
): Promise<{ readonly results: readonly Result[] }> {
  const count = items.reduce((sum, item) => sum + (item.ok ? targetsOf(item.value).length : 1), 0);
  // The request itself counts as one message.
  if (count > 1) core.charge(principal, count - 1, 0);
  const results: (Result | Promise<Result>)[] = [];
  for (const item of items) {
    if (!item.ok) {
      results.push({ error: item.failure });
      continue;
    }
    const { event, data } = item.value;
    const options = optionsOf(item.value);
    for (const target of targetsOf(item.value)) {
      const published = core.channels.publish(principal, target, event, data, options);
      results.push(published.catch(asResult));
    }
  }
  return { results: await Promise.all(results) };
}

function targetsOf({ channel, channels }: Publish): readonly string[] {
  if (channel !== undefined) return [channel];
  return channels ?? [];
}

function optionsOf({ key, event_id: eventId, priority, sig }: Publish): PublishOptions {
  const options: { -readonly [Name in keyof PublishOptions]: PublishOptions[Name] } = {};
  if (eventId !== undefined) options.eventId = eventId;
  if (key !== undefined) options.key = key;
  if (priority !== undefined) options.priority = priority;
  if (sig !== undefined) options.sig = sig;
  return options;
}

function asResult(error: unknown): { readonly error: Failure } {
  if (error instanceof MilepostError) return { error: error.toFailure() };
  throw error;
}
