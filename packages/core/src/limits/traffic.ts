import type { Clock } from "@milepost/engine";
import { encodeId, MilepostError } from "@milepost/protocol";
import type { RecentLimits } from "../insight/recent-limits.ts";
import type { Principal } from "../rules/principal.ts";
import type { CoreInstruments } from "../runtime/instruments.ts";
import type { CoreLimits } from "../runtime/limits.ts";
import type { Rate } from "./bucket.ts";
import { BucketTable } from "./bucket-table.ts";
import type { TrafficKind, TrafficScope } from "./traffic-names.ts";
import { Turns } from "./turns.ts";
import { type Amount, type Rates, Usage } from "./usage.ts";

/** Number of users and of sessions whose traffic is counted one by one at the same time. */
const rememberedOwners = 50_000;

/** Names under which the traffic of a client is counted, beside its connection; undefined where it has no name. */
export interface Owners {
  readonly user: string | undefined;
  readonly session: string | undefined;
}

/** Owners of a client that is not known yet. */
export const nobody: Owners = { user: undefined, session: undefined };

/** Limit that was reached, and the time until it has room again, in milliseconds. */
export interface Shortage {
  readonly scope: TrafficScope;
  readonly kind: TrafficKind;
  readonly waitMs: number;
}

/**
 * Account of the traffic of this node's clients: messages, bytes and control frames, counted for each connection,
 * session and user, and for the node.
 *
 * Each node counts for itself. A user may have only a few connections, so several nodes give a user little more. A
 * service has no limit here.
 */
export class Traffic {
  readonly turns: Turns;
  readonly #clock: Clock;
  readonly #rates: Readonly<Record<TrafficScope, Rates>>;
  readonly #users = new BucketTable(rememberedOwners, () => new Usage());
  readonly #sessions = new BucketTable(rememberedOwners, () => new Usage());
  readonly #node = new Usage();
  readonly #instruments: Pick<CoreInstruments, "rateLimits">;
  readonly #limited: Pick<RecentLimits, "note"> | undefined;

  constructor(
    clock: Clock,
    limits: CoreLimits,
    instruments: Pick<CoreInstruments, "rateLimits">,
    limited?: Pick<RecentLimits, "note">,
  ) {
    this.#limited = limited;
    this.#clock = clock;
    this.#rates = ratesOf(limits);
    this.turns = new Turns(clock);
    this.#instruments = instruments;
  }

  /**
   * Takes an amount from the connection, its owners and the node, or nothing if one of them has no room; then returns
   * the one that needs the longest wait.
   */
  take(connection: Usage | undefined, owners: Owners, amount: Amount): Shortage | undefined {
    const now = this.#clock.monotonic();
    const { user: userName, session: sessionName } = owners;
    const user = userName === undefined ? undefined : this.#users.of(userName, now);
    const session = sessionName === undefined ? undefined : this.#sessions.of(sessionName, now);
    const shortage = this.#longest(
      this.#shortage("connection", connection, amount, now),
      this.#longest(
        this.#shortage("session", session, amount, now),
        this.#longest(
          this.#shortage("user", user, amount, now),
          this.#shortage("node", this.#node, amount, now),
        ),
      ),
    );
    if (shortage !== undefined) {
      this.#instruments.rateLimits[shortage.scope][shortage.kind].add(1);
      this.#limited?.note(`${shortage.scope}_${shortage.kind}`, whoOf(shortage.scope, owners));
      return shortage;
    }
    const rates = this.#rates;
    connection?.take(amount, rates.connection, now);
    session?.take(amount, rates.session, now);
    user?.take(amount, rates.user, now);
    this.#node.take(amount, rates.node, now);
    return undefined;
  }

  /**
   * Adds bytes that were sent for a client, whether or not there is room for them. The client then waits 2 s at most
   * for room.
   */
  add(connection: Usage | undefined, { user, session }: Owners, bytes: number): void {
    const now = this.#clock.monotonic();
    const rates = this.#rates;
    connection?.owe(bytes, rates.connection, now);
    if (session !== undefined) this.#sessions.of(session, now).owe(bytes, rates.session, now);
    if (user !== undefined) this.#users.of(user, now).owe(bytes, rates.user, now);
  }

  /**
   * Takes an amount that a request outside a connection uses. Throws `rate_limited` with `retryAfterMs` if there is no
   * room for it. A service has no limit.
   */
  charge(principal: Principal, amount: Amount, connection?: Usage): void {
    if (principal.kind === "service") return;
    const shortage = this.take(connection, principal, amount);
    if (shortage !== undefined) throw rateLimited(shortage);
  }

  /** Returns the share of the event loop's turns that a client has together with all others of its user. */
  shareOf(connection: Usage, { user, session }: Owners): Usage {
    const now = this.#clock.monotonic();
    if (user !== undefined) return this.#users.of(user, now);
    return session === undefined ? connection : this.#sessions.of(session, now);
  }

  #shortage(
    scope: TrafficScope,
    usage: Usage | undefined,
    amount: Amount,
    now: number,
  ): Shortage | undefined {
    const rates = this.#rates[scope];
    const kind = usage?.lacking(amount, rates, now);
    if (usage === undefined || kind === undefined) return undefined;
    return { scope, kind, waitMs: usage.waitMs(kind, amount, rates, now) };
  }

  #longest(one: Shortage | undefined, other: Shortage | undefined): Shortage | undefined {
    if (one === undefined || other === undefined) return one ?? other;
    return one.waitMs >= other.waitMs ? one : other;
  }
}

function whoOf(scope: TrafficScope, { user, session }: Owners): string {
  if (scope === "node") return "node";
  if (scope !== "session" && user !== undefined) return `user:${encodeId(user)}`;
  if (session !== undefined) return `session:${encodeId(session)}`;
  return user === undefined ? "anyone" : `user:${encodeId(user)}`;
}

/** Creates the error of a client that reached a limit. */
export function rateLimited({ scope, kind, waitMs }: Shortage): MilepostError {
  return new MilepostError(
    "rate_limited",
    `too much traffic: the limit of ${nameOf[kind]} of the ${scope} is reached; send less, and retry after the given time`,
    { retryAfterMs: Math.ceil(waitMs) },
  );
}

const nameOf = {
  messages: "messages a second",
  bytes: "bytes a second",
  control: "control frames a second",
} as const satisfies Record<TrafficKind, string>;

function ratesOf(limits: CoreLimits): Readonly<Record<TrafficScope, Rates>> {
  const rate = (perSecond: number): Rate => ({
    perSecond,
    burst: perSecond * limits.burstSeconds,
  });
  const control = rate(limits.connectionControlFramesPerSecond);
  return {
    connection: {
      messages: rate(limits.connectionMessagesPerSecond),
      bytes: rate(limits.connectionBytesPerSecond),
      control,
    },
    session: {
      messages: rate(limits.sessionMessagesPerSecond),
      bytes: rate(limits.sessionBytesPerSecond),
    },
    user: {
      messages: rate(limits.userMessagesPerSecond),
      bytes: rate(limits.userBytesPerSecond),
    },
    node: {
      messages: rate(limits.nodeMessagesPerSecond),
      bytes: rate(limits.nodeBytesPerSecond),
    },
  };
}
