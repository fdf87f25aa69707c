import {
  type DefinedContract,
  MilepostError,
  type StandardSchema,
  unchecked,
} from "@milepost/protocol";
import { ChannelPattern } from "../channel-pattern.ts";

/** Event names to the schema of their data; `*` is every other event. */
export type EventSchemas = Readonly<Record<string, StandardSchema>>;

/** What the gateway itself publishes to a user and a session, whatever else their channels carry. */
const ofTheGateway: EventSchemas = { operation: unchecked(), notification: unchecked() };
const shared = new Set(["user", "session"]);

interface ContractedPattern {
  readonly pattern: ChannelPattern;
  /** Sorts the narrowest first. */
  readonly rank: string;
  readonly events: EventSchemas;
}

/**
 * The events of the channels that a contract names.
 *
 * Of several patterns that a name fits the narrowest holds, as it does for the contract's types: compared from
 * the left, a word is narrower than `{name}`, and that is narrower than `*`.
 */
export class ChannelContract {
  readonly #patterns: readonly ContractedPattern[];

  /** Throws `bad_message` that names the pattern when one cannot be. */
  constructor(channels: DefinedContract["channels"]) {
    this.#patterns = Object.entries(channels ?? {})
      .map(([text, { events }]) => {
        const pattern = ChannelPattern.read(text);
        if (pattern === undefined) {
          throw new MilepostError(
            "bad_message",
            `the contract's channel ${JSON.stringify(text)} is no pattern: segments joined by :, {name} for any one, a last * for one or more`,
          );
        }
        return { pattern, rank: rankOf(text), events };
      })
      .sort((a, b) => (a.rank < b.rank ? -1 : 1));
  }

  /** The events that a channel may have; undefined where the contract does not name it. */
  find(channel: string): EventSchemas | undefined {
    if (this.#patterns.length === 0) return undefined;
    const segments = channel.split(":");
    const found = this.#patterns.find(({ pattern }) => pattern.match(segments) !== undefined);
    if (found === undefined) return undefined;
    const isShared = segments.length === 2 && shared.has(segments[0] ?? "");
    return isShared ? { ...ofTheGateway, ...found.events } : found.events;
  }
}

function rankOf(pattern: string): string {
  return pattern
    .split(":")
    .map((segment) => (segment === "*" ? "2" : segment.startsWith("{") ? "1" : "0"))
    .join("");
}

/** Throws `invalid_event`, with the events there are, when a channel of the contract has none of this name. */
export function requireEvent(events: EventSchemas, channel: string, event: string): void {
  if (Object.hasOwn(events, event) || Object.hasOwn(events, "*")) return;
  throw new MilepostError(
    "invalid_event",
    `${channel} has no event "${event}"; its events are ${Object.keys(events).join(", ")}`,
  );
}
