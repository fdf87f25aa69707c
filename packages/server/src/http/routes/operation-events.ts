import type { IncomingHttpHeaders } from "node:http";
import type { Core, Principal } from "@milepost/core";
import type { ReportedEvent, ReportResult } from "@milepost/model";
import {
  failure,
  findLoss,
  type JsonText,
  MilepostError,
  type Parsed,
  parseCarrying,
} from "@milepost/protocol";
import { answerJson } from "../answer.ts";
import { isNdjson, ndjsonLines, ndjsonMediaType, readBody } from "../body.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpDoorOptions } from "../endpoint.ts";
import { accepted, readAs, readExactJsonAs, readJsonAs } from "../reading.ts";
import {
  reportEventsDocument,
  reportEventsSchema,
  reportedEventSchema,
  reportResultsSchema,
} from "../schemas.ts";

const leaseHeader = "Milepost-Lease";

/** Endpoint `POST /v1/operations/{id}/events`: events that a producer reports. */
export function operationEventsEndpoint({ core }: HttpDoorOptions): Endpoint {
  return {
    method: "POST",
    path: "/v1/operations/:id/events",
    spec: describe({
      summary: "Reports events of an operation; an empty list only renews the lease.",
      body: { "application/json": reportEventsDocument, [ndjsonMediaType]: reportedEventSchema },
      headers: { [leaseHeader]: "The lease token; required with NDJSON." },
      success: {
        status: 200,
        description: "One result per event, in the order given.",
        schema: reportResultsSchema,
      },
    }),
    async handle(context) {
      const { headers } = context.env.incoming;
      const text = await readBody(context.env.incoming, core.limits.maxMessageBytes);
      const id = context.req.param("id") ?? "";
      return answerJson(
        context,
        await reportText(core, context.get("principal"), id, text, headers),
      );
    },
  };
}

/** Reports the events in the body of a request. Resolves with the answer. */
export async function reportText(
  core: Core,
  principal: Principal,
  id: string,
  text: string,
  headers: IncomingHttpHeaders,
): Promise<{ readonly results: readonly ReportResult[] }> {
  const { lease, events } = readReport(headers, text);
  const readable = events.flatMap((event) => (event.ok ? [event.value] : []));
  const reported = await core.operations.report(principal, id, { lease, events: readable });
  return { results: inOrder(events, reported) };
}

interface Report {
  readonly lease: string;
  /** Events in the order of the request. An event that cannot be read is represented by its failure. */
  readonly events: readonly Parsed<ReportedEvent>[];
}

function readReport(headers: IncomingHttpHeaders, text: string): Report {
  if (isNdjson(headers["content-type"])) {
    const lease = headers[leaseHeader.toLowerCase()];
    if (typeof lease !== "string") {
      throw new MilepostError(
        "stale_lease",
        `an NDJSON body needs the lease token in the header ${leaseHeader}`,
      );
    }
    return {
      lease,
      events: ndjsonLines(text).map((line) => readExactJsonAs(reportedEventSchema, line)),
    };
  }
  const { lease, events } = accepted(readJsonAs(reportEventsSchema, text));
  const exact = findLoss(text, "") === undefined ? events : exactEvents(text);
  return { lease, events: exact.map((event) => readAs(reportedEventSchema, event)) };
}

/**
 * Reads the events of a body again, with their data as `JsonText`. So an event whose data JavaScript would change
 * is refused alone.
 */
function exactEvents(text: string): readonly unknown[] {
  const body = accepted(parseCarrying(text, ["events"])) as { readonly events: JsonText };
  return accepted(parseCarrying(body.events.text, ["data"])) as readonly unknown[];
}

/**
 * Merges the failures of events that could not be read into the results of the others, in the order of the
 * request.
 */
function inOrder(
  events: readonly Parsed<ReportedEvent>[],
  reported: readonly ReportResult[],
): ReportResult[] {
  let next = 0;
  return events.map((event) => {
    if (!event.ok) return { error: event.failure };
    return reported[next++] ?? { error: notTried };
  });
}

const notTried = failure(
  "store_unavailable",
  "an event before this one failed, so this one was not tried; send both again",
);
