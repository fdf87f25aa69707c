import type { Snapshot } from "@milepost/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Client } from "../client.ts";
import { createClient } from "../create-client.ts";
import { ManualClock, ScriptedGateway, type ScriptedSocket, settle } from "../testing/index.ts";

interface Entry {
  readonly offset: number;
  readonly tag: string;
}

const channel = "chat:1";

/**
 * Simulated log of one channel. It gives the answers of a gateway that follows the protocol, with epochs and
 * tags.
 */
class Log {
  epoch = 1;
  readonly hasState: boolean;
  entries: Entry[] = [];
  /** Position before the oldest kept entry. */
  floor: Entry = { offset: 0, tag: "0" };
  /** Position of the entry that each entry directly followed when it was appended. */
  readonly predecessors = new Map<string, string>();
  #tags = 0;

  constructor(hasState: boolean) {
    this.hasState = hasState;
  }

  get head(): Entry {
    return this.entries.at(-1) ?? this.floor;
  }

  append(): Entry {
    const { head } = this;
    const entry = { offset: head.offset + 1, tag: `t${++this.#tags}` };
    this.predecessors.set(this.at(entry), this.at(head));
    this.entries.push(entry);
    return entry;
  }

  trim(): void {
    const cut = this.entries.splice(0, Math.ceil(this.entries.length / 2));
    this.floor = cut.at(-1) ?? this.floor;
  }

  begin(): void {
    this.epoch++;
    this.entries = [];
    this.floor = { offset: 0, tag: "0" };
  }

  at({ offset, tag }: Entry): string {
    return `e${this.epoch}.${offset}.${tag}`;
  }

  event(entry: Entry): object {
    const position = this.at(entry);
    return { type: "event", channel, position, event: "m", data: position, ts: 1 };
  }

  after(offset: number): Entry[] {
    return this.entries.filter((entry) => entry.offset > offset);
  }

  snapshot(): Snapshot {
    return { projection: "latest", state: this.at(this.head) };
  }

  /**
   * Returns the answer to a subscribe and everything that follows it, as the protocol's [P-SUB-1] to [P-SUB-5]
   * define.
   */
  subscribe(since: unknown): { result: object; follows: object[] } {
    const fresh = { channel, position: this.at(this.head), recovered: false };
    if (since === undefined || since === "now") {
      const state = since === undefined && this.hasState ? { snapshot: this.snapshot() } : {};
      return { result: { ...fresh, ...state }, follows: [] };
    }
    if (since === "start") {
      const gap = this.floor.offset > 0 ? [this.gap(`e${this.epoch}.0.0`, "trimmed")] : [];
      const result = { ...fresh, position: this.at(this.floor) };
      return { result, follows: [...gap, ...this.entries.map((entry) => this.event(entry))] };
    }
    const [epoch, offset, tag] = String(since).split(".");
    const asked: Entry = { offset: Number(offset), tag: String(tag) };
    const same = [this.floor, ...this.entries].find((entry) => entry.offset === asked.offset);
    const reason =
      epoch !== `e${this.epoch}`
        ? "epoch_changed"
        : asked.offset < this.floor.offset
          ? "trimmed"
          : same?.tag !== asked.tag
            ? "tag_mismatch"
            : undefined;
    if (reason === undefined) {
      const missed = this.after(asked.offset).map((entry) => this.event(entry));
      return { result: { channel, position: since, recovered: true }, follows: missed };
    }
    if (this.hasState)
      return { result: { ...fresh, reason, snapshot: this.snapshot() }, follows: [] };
    const result = { channel, position: this.at(this.floor), recovered: false, reason };
    const kept = this.entries.map((entry) => this.event(entry));
    return { result, follows: [this.gap(String(since), reason), ...kept] };
  }

  gap(from: string, reason: string): object {
    return { type: "gap", channel, from, to: this.at(this.floor), reason };
  }
}

/** Event that one subscriber received, or a break in its events: a snapshot, a reset or a gap. */
type Heard =
  | { readonly what: "event"; readonly position: string }
  | { readonly what: "break"; readonly position: string; readonly by: string };

type Step =
  | { readonly do: "publish"; readonly count: number; readonly together: boolean }
  | { readonly do: "serve" | "drop" | "trim" | "begin" | "lose" | "again" | "skip" }
  | { readonly do: "join"; readonly since: "start" | "now" | undefined }
  | { readonly do: "leave"; readonly which: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      count: fc.integer({ min: 1, max: 4 }),
      together: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: fc.constant({ do: "serve" as const }) },
  { weight: 3, arbitrary: fc.constant({ do: "drop" as const }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      { do: "trim" as const },
      { do: "begin" as const },
      { do: "lose" as const },
    ),
  },
  { weight: 2, arbitrary: fc.constantFrom({ do: "again" as const }, { do: "skip" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("join" as const),
      since: fc.constantFrom("start" as const, "now" as const, undefined),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("leave" as const), which: fc.nat(5) }) },
);

/** Simulated gateway of a client under test. It answers only when `serve` is called. */
class Service {
  readonly log: Log;
  readonly gateway = new ScriptedGateway();
  readonly clock = new ManualClock();
  readonly client: Client;
  readonly heard: Heard[][] = [];
  readonly #subscriptions: { close(): void }[] = [];
  #socket: ScriptedSocket | undefined;
  #subscribed = false;

  constructor(hasState: boolean) {
    this.log = new Log(hasState);
    this.client = createClient({
      url: "ws://gateway.test/ws",
      webSocket: this.gateway.webSocket,
      clock: this.clock,
      random: () => 0.5,
      onError: (error) => {
        throw error;
      },
    });
  }

  async run(steps: readonly Step[]): Promise<void> {
    this.join(undefined);
    for (const each of steps) await this.do(each);
    // The gateway now answers everything, so that every subscriber reaches the head.
    for (let i = 0; i < 8; i++) await this.serve();
  }

  async do(each: Step): Promise<void> {
    switch (each.do) {
      case "publish": {
        const events = Array.from({ length: each.count }, () => this.log.event(this.log.append()));
        if (!this.#subscribed) return;
        if (each.together) await this.#socket?.sayTogether(...events);
        else await this.#socket?.say(...events);
        return;
      }
      case "serve":
        return this.serve();
      case "drop":
        await this.gateway.sockets.at(-1)?.drop();
        this.#subscribed = false;
        return;
      case "trim":
        return this.log.trim();
      case "begin":
        return this.#remake(() => this.log.begin());
      case "lose":
        // A failover lost the tail, and another entry took its offset.
        return this.#remake(() => {
          if (this.log.entries.length > 0) this.log.entries.pop();
          this.log.append();
        });
      case "again": {
        // The last entries are sent a second time, as after a failover of the gateway's store.
        const events = this.log.entries.slice(-3).map((entry) => this.log.event(entry));
        if (this.#subscribed) await this.#socket?.say(...events);
        return;
      }
      case "skip":
        // The entry is lost on its way to this connection.
        this.log.append();
        return;
      case "join":
        return this.join(each.since);
      case "leave":
        return this.#subscriptions[each.which]?.close();
    }
  }

  /**
   * Drops the connection before it changes the log, because a gateway never replaces the log of a live
   * subscription without a message to the client.
   */
  async #remake(change: () => void): Promise<void> {
    await this.do({ do: "drop" });
    change();
  }

  join(since: "start" | "now" | undefined): void {
    const heard: Heard[] = [];
    this.heard.push(heard);
    const broke = (by: string) => (at: { to?: string; position?: string }) => {
      heard.push({ what: "break", position: String(at.to ?? at.position), by });
    };
    this.#subscriptions.push(
      this.client.channel(channel).subscribe(
        {
          onEvent: ({ position }) => heard.push({ what: "event", position }),
          onSnapshot: broke("snapshot"),
          onReset: broke("reset"),
          onGap: ({ to, reason }) => broke(`gap ${reason}`)({ to }),
        },
        since === undefined ? {} : { since },
      ),
    );
  }

  /** Accepts the client's new connection, if there is one, and answers all its pending messages. */
  async serve(): Promise<void> {
    await this.clock.advance(20_000);
    const socket = this.gateway.sockets.at(-1);
    if (socket === undefined || socket.closed !== undefined) return;
    if (socket !== this.#socket) {
      this.#socket = socket;
      this.#subscribed = false;
      await socket.accept();
    }
    for (let message = socket.sent.shift(); message !== undefined; message = socket.sent.shift()) {
      switch (message.type) {
        case "ping":
          await socket.say({ type: "pong", id: message.id });
          break;
        case "unsubscribe":
          this.#subscribed = false;
          await socket.reply(message, {});
          break;
        case "subscribe": {
          if (this.#subscribed) throw new Error("[P-SUB-6] subscribed twice");
          this.#subscribed = true;
          const { result, follows } = this.log.subscribe(message.since);
          const reply = { type: "reply", id: message.id, result };
          await socket.sayTogether(reply, ...follows);
          break;
        }
        default:
          throw new Error(`unexpected ${message.type}`);
      }
      await settle();
    }
  }
}

describe("delivery to subscribers", () => {
  it.each([false, true])(
    "[P-SUB-3] each entry reaches each subscriber once and in order, or a gap or reset is reported in between (projection: %s)",
    async (hasState) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          const service = new Service(hasState);
          await service.run(steps);
          for (const heard of service.heard) {
            let last: Heard | undefined;
            for (const each of heard) {
              if (each.what === "event" && last !== undefined) {
                const isNext = service.log.predecessors.get(each.position) === last.position;
                // A gap that the client detects by the next entry ends at that entry's own position.
                const named = last.what === "break" && last.position === each.position;
                expect(isNext || named, JSON.stringify(heard)).toBe(true);
              }
              last = each;
            }
          }
          void service.client.close();
        }),
        { numRuns: 300 },
      );
    },
  );

  it.each([false, true])(
    "[P-SUB-2] every subscriber that stays subscribed reaches the head of the log (projection: %s)",
    async (hasState) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          const service = new Service(hasState);
          await service.run(steps.filter((each) => each.do !== "leave"));
          await service.do({ do: "publish", count: 2, together: true });
          await service.serve();
          await service.serve();
          const head = service.log.at(service.log.head);
          for (const heard of service.heard) expect(heard.at(-1)?.position).toBe(head);
          void service.client.close();
        }),
        { numRuns: 200 },
      );
    },
  );
});
