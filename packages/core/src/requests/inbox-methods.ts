import type { InboxListInput, SnoozeInput } from "../inbox/inbox-api.ts";
import { orThrow, readInput } from "../input/input.ts";
import type { Method } from "./method-services.ts";
import { ownId } from "./own-id.ts";

/** Method `inbox.list {filter?, before?, limit?}`: lists the caller's inbox, newest first. */
export const listInbox: Method = async ({ inbox }, principal, params) =>
  // The inbox reads and checks every field.
  inbox.list(principal, ownId(principal, "an inbox"), params as InboxListInput);

/** Method `inbox.read {items}`: marks items as read; `items` is a list of ids, or `all`. */
export const readInbox: Method = async ({ inbox }, principal, params) =>
  inbox.read(principal, ownId(principal, "an inbox"), itemsOf(params) as readonly string[] | "all");

/** Method `inbox.snooze {items, until or for_ms}`: hides items until a time. */
export const snoozeInbox: Method = async ({ inbox }, principal, params) =>
  inbox.snooze(
    principal,
    ownId(principal, "an inbox"),
    itemsOf(params) as readonly string[],
    params as SnoozeInput,
  );

function itemsOf(params: unknown): unknown {
  return orThrow(readInput(params, (fields) => fields.required("items", asItIs)));
}

/** Passes a value on, which the inbox checks. */
function asItIs(value: unknown): { readonly ok: true; readonly value: unknown } {
  return { ok: true, value };
}
