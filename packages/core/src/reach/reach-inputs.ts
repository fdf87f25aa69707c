import {
  compact,
  idRule,
  integerIn,
  isId,
  listOf,
  oneOf,
  type Parsed,
  parsed,
  readBoolean,
  refused,
  textOf,
} from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import type {
  AddPushSubscription,
  AddWebhook,
  BrowserSubscription,
  ReachRules,
} from "./reach-api.ts";

/** Shortest time after which an operation may count as slow, in milliseconds. */
const minSlowMs = 60_000;
/** Longest time after which an operation may count as slow, in milliseconds: 7 days. */
const maxSlowMs = 7 * 86_400_000;
/** Longest address of a target, in characters. */
const maxUrlLength = 1_000;
const maxUsers = 100;

/** Reads a push subscription; throws `bad_message` that names the field. */
export function readPush(input: AddPushSubscription): Required<AddPushSubscription> {
  return orThrow(
    readInput(input, (fields) => ({
      subscription: fields.required("subscription", readSubscription),
      rules: fields.optional("rules", readRules) ?? {},
    })),
  ) as Required<AddPushSubscription>;
}

/** Reads a webhook; throws `bad_message` that names the field. */
export function readWebhook(input: AddWebhook): AddWebhook & { readonly rules: ReachRules } {
  return orThrow(
    readInput(input, (fields) =>
      compact({
        url: fields.required("url", textOf(maxUrlLength)),
        rules: fields.optional("rules", readRules) ?? {},
        users: fields.optional("users", listOf(readUser, 1, maxUsers)),
        when: fields.optional("when", oneOf(["away", "always"])) ?? "away",
      }),
    ),
  ) as AddWebhook & { readonly rules: ReachRules };
}

function readSubscription(value: unknown): Parsed<BrowserSubscription> {
  return readInput(value, (fields) => ({
    endpoint: fields.required("endpoint", textOf(maxUrlLength)),
    keys: fields.required("keys", readKeys),
  })) as Parsed<BrowserSubscription>;
}

function readKeys(value: unknown): Parsed<BrowserSubscription["keys"]> {
  return readInput(value, (fields) => ({
    p256dh: fields.required("p256dh", textOf(100)),
    auth: fields.required("auth", textOf(50)),
  })) as Parsed<BrowserSubscription["keys"]>;
}

function readRules(value: unknown): Parsed<ReachRules> {
  return readInput(value, (fields) =>
    compact({
      done: fields.optional("done", readBoolean),
      failed: fields.optional("failed", readBoolean),
      question: fields.optional("question", readBoolean),
      notification: fields.optional("notification", readBoolean),
      slower_than_ms: fields.optional("slower_than_ms", integerIn(minSlowMs, maxSlowMs)),
    }),
  );
}

function readUser(value: unknown): Parsed<string> {
  return isId(value) ? parsed(value) : refused("bad_message", idRule);
}
