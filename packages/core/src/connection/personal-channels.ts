import {
  encodeId,
  isChannelName,
  isChannelSegment,
  MilepostError,
  type Position,
} from "@milepost/protocol";
import { type Principal, personOf } from "../rules/principal.ts";
import type { ConnectOptions } from "./connect-options.ts";
import type { SubscriptionRequest } from "./subscription.ts";

/** Channels of {@link personalDefault} and of configurations: placeholders stand for the ids of the connection's owner. */
const placeholders = ["user", "session", "guest", "connection"] as const;
const placeholder = /\{([^{}]*)\}/g;

/** Maximum number of patterns. */
const maxPatterns = 16;

/** Channels that are subscribed for a client that asks for none: what is sent to everyone, and to itself. */
export const personalDefault: readonly string[] = [
  "broadcast",
  "user:{user}",
  "session:{session}",
  "guest:{guest}",
  "connection:{connection}",
];

/** Returns what is wrong with a list of patterns; undefined if nothing is. */
export function personalFault(patterns: readonly string[]): string | undefined {
  if (patterns.length > maxPatterns) return `has more than ${maxPatterns} channels`;
  for (const pattern of patterns) {
    for (const [, name = ""] of pattern.matchAll(placeholder)) {
      if (!placeholders.some((known) => known === name)) {
        return `names {${name}} in "${pattern}"; use {${placeholders.join("}, {")}}`;
      }
    }
    if (!isChannelName(pattern.replace(placeholder, "x"))) {
      return `has "${pattern}", which is no channel name; write it like user:{user}`;
    }
  }
  return undefined;
}

/**
 * Channels that the gateway subscribes for the clients of a node that ask for none.
 *
 * A pattern whose placeholder has no value for a client, such as `{session}` for a token without a session, is skipped.
 */
export class PersonalChannels {
  readonly #patterns: readonly string[];

  /** Throws `bad_message` for a pattern that is none. */
  constructor(patterns: readonly string[] = personalDefault) {
    const fault = personalFault(patterns);
    if (fault !== undefined) throw new MilepostError("bad_message", `autoSubscribe ${fault}`);
    this.#patterns = patterns;
  }

  /** Returns the subscriptions that a connection begins with: those that it asked for, and then its personal ones. */
  startsOf(principal: Principal, id: string, request: ConnectOptions): SubscriptionRequest[] {
    const { channels = [], resume, personal } = request;
    const own = this.#wanted(principal, id, request);
    const starts: SubscriptionRequest[] = [];
    for (const channel of new Set([...channels, ...(resume?.keys() ?? [])])) {
      if (own.has(channel) && !channels.includes(channel)) continue;
      // The channel of an earlier connection ended with it. Only a client that keeps the id can resume it.
      if (personal !== undefined && channel.startsWith(connectionPrefix)) continue;
      starts.push({ channel, ...sinceOf(resume?.get(channel)) });
    }
    for (const channel of own) {
      if (channels.includes(channel)) continue;
      starts.push({ channel, ...sinceOf(resume?.get(channel)), isAutomatic: true });
    }
    return starts;
  }

  #wanted(principal: Principal, id: string, { personal, resume }: ConnectOptions): Set<string> {
    const own = new Set<string>();
    if (personal === undefined) return own;
    for (const pattern of this.#patterns) {
      const channel = filled(pattern, principal, id);
      if (channel !== undefined) own.add(channel);
    }
    if (personal === "always" || resume === undefined) return own;
    // A cursor of other channels alone resumes those, as it always did.
    for (const channel of resume.keys()) if (own.has(channel)) return own;
    return new Set();
  }
}

const connectionPrefix = "connection:";

function sinceOf(since: Position | undefined): { readonly since?: Position } {
  return since === undefined ? {} : { since };
}

/** Returns the channel of a pattern; undefined where a placeholder has no value. */
function filled(pattern: string, principal: Principal, id: string): string | undefined {
  const { user, session, guest } = personOf(principal);
  const values = { user, session, guest, connection: id };
  let isComplete = true;
  const channel = pattern.replace(placeholder, (_, name: keyof typeof values) => {
    const value = values[name];
    const segment = value === undefined ? "" : encodeId(value);
    if (!isChannelSegment(segment)) isComplete = false;
    return segment;
  });
  return isComplete && isChannelName(channel) ? channel : undefined;
}
