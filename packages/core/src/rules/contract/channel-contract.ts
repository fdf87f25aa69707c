import { type DefinedContract, MilepostError, type StandardSchema } from "@milepost/protocol";
import { ChannelPattern } from "../channel-pattern.ts";
import { hasOwnEvents, ownEvents } from "../own-events.ts";

/** Schemas of event data by event name; `*` stands for every other event. */
export type EventSchemas = Readonly<Record<string, StandardSchema>>;

interface ContractedPattern {
  readonly pattern: ChannelPattern;
  /** Sort key by which the narrowest pattern comes first. */
  readonly rank: string;
  readonly events: EventSchemas;
}

/**
 * Events of the channels that a contract names.
 *
 * If several patterns match a name, the narrowest applies, as in the contract's types. Patterns are compared
 * from the left: a literal segment is narrower than `{name}`, and that is narrower than `*`.
 */
export class ChannelContract {
  readonly #patterns: readonly ContractedPattern[];

  /**
   * Throws `bad_message` if the name of a channel in the contract is not a pattern. The error names that
   * channel.
   */
  constructor(channels: DefinedContract["channels"]) {
    this.#patterns = Object.entries(channels ?? {})
      .map(([text, { events }]) => {
        const pattern = ChannelPattern.read(text);
        if (pattern === undefined) {
          throw new MilepostError(
            "bad_message",
            `the contract's channel ${JSON.stringify(text)} is not a pattern: separate segments with ":", write {name} for any one segment, and * at the end for one or more`,
          );
        }
        return { pattern, rank: rankOf(text), events };
      })
      .sort((a, b) => (a.rank < b.rank ? -1 : 1));
  }

  /** Returns the events that a channel may have; undefined where the contract does not name it. */
  find(channel: string): EventSchemas | undefined {
    if (this.#patterns.length === 0) return undefined;
    const segments = channel.split(":");
    const found = this.#patterns.find(({ pattern }) => pattern.match(segments) !== undefined);
    if (found === undefined) return undefined;
    // The events of users and sessions are allowed even if a contract does not name them.
    return hasOwnEvents(channel) ? { ...ownEvents, ...found.events } : found.events;
  }
}

function rankOf(pattern: string): string {
  return pattern
    .split(":")
    .map((segment) => (segment === "*" ? "2" : segment.startsWith("{") ? "1" : "0"))
    .join("");
}

/**
 * Throws `invalid_event`, with the list of possible events, if a channel of the contract does not have this
 * event.
 */
export function requireEvent(events: EventSchemas, channel: string, event: string): void {
  if (Object.hasOwn(events, event) || Object.hasOwn(events, "*")) return;
  throw new MilepostError(
    "invalid_event",
    `${channel} has no event "${event}"; its events are ${Object.keys(events).join(", ")}`,
  );
}
