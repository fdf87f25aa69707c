import { formatCursor, type Position, parseCursor, parsePosition } from "@milepost/protocol";
import { makeToken } from "../credential.ts";
import { hashOf } from "../journal.ts";
import type { Link } from "../link.ts";
import { NetworkPort } from "../network.ts";
import { SeededRandom } from "../seeded-random.ts";
import { ProcessClock } from "../virtual-time.ts";
import {
  type Beginning,
  eventNames,
  payload,
  type Reading,
  sinceText,
  type World,
} from "./world.ts";

interface Message {
  readonly type: string;
  readonly [field: string]: unknown;
}

interface Wanted {
  readonly channel: string;
  readonly since: Beginning;
  readonly events: readonly string[] | undefined;
  readonly subscriber: string;
  /** The last position given to this subscriber. */
  position: string | undefined;
  /** On this connection: asked, and whether answered. */
  state: "idle" | "asked" | "live";
}

const pingMs = 15_000;
const deafMs = 35_000;
/** Whoever is asked answers within this, or the connection is given up. */
const answerMs = 20_000;

/**
 * A client of nothing but the protocol's page. On `cursor` it comes back with the last event_id alone; on
 * `messages` it subscribes to each channel from the position it has.
 */
export class PlainReader implements Reading {
  readonly name: string;
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #resumesBy: "cursor" | "messages";
  readonly #wanted = new Map<string, Wanted>();
  readonly #calls = new Map<number, (message: Message) => void>();
  #clock: ProcessClock;
  #port: NetworkPort;
  /** The connection that counts; what an older one brings is not looked at. */
  #generation = 0;
  #link: Link | undefined;
  #isOpen = false;
  #eventId: string | undefined;
  #heardAt = 0;
  #ids = 0;
  #claims = 0;
  #published = 0;
  #failures = 0;
  #closed = false;

  constructor(name: string, world: World, resumesBy: "cursor" | "messages") {
    this.name = name;
    this.#world = world;
    this.#resumesBy = resumesBy;
    this.#random = SeededRandom.named(world.seed, name);
    this.#clock = new ProcessClock(world.time);
    this.#port = new NetworkPort(world.nodes, world.time, this.#random);
    this.#clock.soon(() => this.#connect());
  }

  get timers(): number {
    return this.#clock.pending;
  }

  subscribe(channel: string, since: Beginning, events?: readonly string[]): void {
    if (this.#wanted.has(channel)) return;
    const wanted: Wanted = {
      channel,
      since,
      events,
      subscriber: `${this.name}/${channel}/${++this.#claims}`,
      position: undefined,
      state: "idle",
    };
    this.#wanted.set(channel, wanted);
    if (this.#isOpen) this.#ask(wanted);
  }

  unsubscribe(channel: string): void {
    const wanted = this.#wanted.get(channel);
    if (wanted === undefined || wanted.state === "asked") return;
    this.#wanted.delete(channel);
    this.#world.journal.add({ type: "left", subscriber: wanted.subscriber });
    if (wanted.state === "live") this.#call({ type: "unsubscribe", channel }, () => {});
  }

  publish(channel: string, count: number, bytes: number): void {
    for (let i = 0; i < count; i++) {
      const n = ++this.#published;
      const data = payload(n, bytes);
      const event = this.#random.pick(eventNames);
      this.#publish({ n, channel, event, data, key: `${this.name}-${n}` }, 1);
    }
  }

  restart(): void {
    this.#port.isDead = true;
    this.#clock.kill();
    this.#port.link?.abandonByClient();
    this.#clock = new ProcessClock(this.#world.time);
    this.#port = new NetworkPort(this.#world.nodes, this.#world.time, this.#random);
    this.#calls.clear();
    this.#reset();
    this.#clock.after(this.#random.between(10, 1_000), () => this.#connect());
  }

  drop(): void {
    this.#port.link?.drop();
  }

  silence(): void {
    this.#port.link?.silence();
  }

  stall(): void {
    this.#port.link?.stall();
  }

  resume(): void {
    this.#port.link?.resume();
  }

  heal(): void {
    this.#port.link?.resume();
    this.#port.link?.endSilence();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { subscriber } of this.#wanted.values()) {
      this.#world.journal.add({ type: "left", subscriber });
    }
    this.#wanted.clear();
    this.#link?.closeFromClient();
    this.#reset();
    this.#clock.kill();
  }

  #reset(): void {
    this.#generation++;
    this.#link = undefined;
    this.#isOpen = false;
    for (const wanted of this.#wanted.values()) wanted.state = "idle";
  }

  #connect(): void {
    if (this.#closed) return;
    this.#reset();
    const generation = this.#generation;
    const isCurrent = () => generation === this.#generation;
    const url = this.#url();
    const ends = {
      onOpen: () => {},
      onText: (text: string) => {
        if (isCurrent()) this.#take(JSON.parse(text) as Message);
      },
      onClose: () => {
        if (isCurrent()) this.#lost();
      },
    };
    this.#port.dial(url.href, [], ends, (link) => {
      if (!isCurrent()) {
        link.closeFromClient();
        return;
      }
      this.#link = link;
      this.#heardAt = this.#clock.monotonic();
      this.#watch(generation);
    });
  }

  #url(): URL {
    const { time, tokenMs } = this.#world;
    const url = new URL("ws://sim/ws");
    const expiresAt = tokenMs === undefined ? undefined : time.now() + tokenMs;
    url.searchParams.set("token", makeToken(this.name, expiresAt));
    const all = [...this.#wanted.values()];
    const unfiltered = all.filter(({ events }) => events === undefined);
    if (this.#resumesBy !== "cursor" || unfiltered.length === 0) return url;
    const cursor = this.#cursor();
    // Who has stored nothing begins by message, where it may say where.
    const byConnect = unfiltered.filter(
      ({ channel, since }) => cursor?.has(channel) === true || since === "state",
    );
    if (cursor !== undefined && cursor.size > 0) {
      url.searchParams.set("last_event_id", formatCursor(cursor));
    }
    if (byConnect.length === 0) return url;
    url.searchParams.set("channels", byConnect.map(({ channel }) => channel).join(","));
    for (const wanted of byConnect) {
      const at = cursor?.get(wanted.channel);
      wanted.state = "asked";
      this.#noteSubscribe(wanted, at);
    }
    return url;
  }

  /** What the last event_id says, of the channels still wanted; the own notes where it is silent. */
  #cursor(): Map<string, Position> | undefined {
    const parsed = parseCursor(this.#eventId);
    const cursor = new Map<string, Position>();
    for (const { channel, position, events } of this.#wanted.values()) {
      if (events !== undefined) continue;
      const own = parsePosition(position);
      const at =
        (parsed.ok ? parsed.value.get(channel) : undefined) ?? (own.ok ? own.value : undefined);
      if (at !== undefined && position !== undefined) cursor.set(channel, at);
    }
    return cursor;
  }

  /** Finds out that nobody is there. */
  #watch(generation: number): void {
    this.#clock.after(pingMs, () => {
      if (generation !== this.#generation) return;
      if (this.#clock.monotonic() - this.#heardAt > deafMs) {
        this.#link?.closeFromClient();
        this.#lost();
        return;
      }
      this.#send({ type: "ping" });
      this.#watch(generation);
    });
  }

  #lost(): void {
    this.#reset();
    const spanMs = Math.min(8_000, 500 * 2 ** this.#failures++);
    this.#clock.after(this.#random.between(20, spanMs), () => this.#connect());
  }

  #take(message: Message): void {
    this.#heardAt = this.#clock.monotonic();
    if (typeof message.event_id === "string") this.#eventId = message.event_id;
    const wanted =
      typeof message.channel === "string" ? this.#wanted.get(message.channel) : undefined;
    switch (message.type) {
      case "welcome":
        this.#isOpen = true;
        this.#failures = 0;
        for (const one of this.#wanted.values()) if (one.state === "idle") this.#ask(one);
        return;
      case "reply":
        this.#onReply(message);
        return;
      case "subscribed":
        if (wanted !== undefined) this.#onSubscribed(wanted, message);
        return;
      case "gap":
        if (wanted?.state === "live") this.#onGap(wanted, message);
        return;
      case "reset":
        if (wanted?.state === "live") this.#onReset(wanted, message);
        return;
      case "notice":
      case "ping":
      case "pong":
      case "end":
      case "unsubscribed":
        return;
      default:
        if (wanted !== undefined) this.#onPublication(wanted, message);
    }
  }

  #onReply(message: Message): void {
    const { id } = message;
    if (typeof id === "number") {
      const answer = this.#calls.get(id);
      this.#calls.delete(id);
      answer?.(message);
      return;
    }
    // A subscription of the connect failed, and nothing says which: whoever has no answer asks again.
    const generation = this.#generation;
    this.#clock.after(3_000, () => {
      if (generation !== this.#generation) return;
      for (const one of this.#wanted.values()) if (one.state === "asked") this.#ask(one);
    });
  }

  #ask(wanted: Wanted): void {
    const { channel, position, since, events } = wanted;
    const own = parsePosition(position);
    wanted.state = "asked";
    this.#noteSubscribe(wanted, own.ok ? own.value : undefined);
    const from = position ?? (since === "state" ? undefined : since);
    const generation = this.#generation;
    this.#call(
      {
        type: "subscribe",
        channel,
        ...(from === undefined ? {} : { since: from }),
        ...(events === undefined ? {} : { events }),
      },
      (reply) => {
        if (this.#wanted.get(channel) !== wanted || generation !== this.#generation) return;
        if (reply.error === undefined) {
          this.#onSubscribed(wanted, reply.result as Message);
          return;
        }
        const { code, retryable } = reply.error as { code: string; retryable: boolean };
        // An answer to the connect's own subscription is on its way.
        if (code === "already_subscribed") return;
        if (!retryable) {
          this.#wanted.delete(channel);
          this.#world.journal.add({ type: "left", subscriber: wanted.subscriber });
          return;
        }
        this.#clock.after(this.#random.between(500, 2_000), () => {
          const still = this.#wanted.get(channel) === wanted && generation === this.#generation;
          if (still && wanted.state === "asked") this.#ask(wanted);
        });
      },
    );
  }

  #noteSubscribe({ subscriber, channel, since, events }: Wanted, at: Position | undefined): void {
    const begin = at === undefined ? sinceText(since) : `${at.epoch}.${at.offset}.${at.tag}`;
    this.#world.journal.add({
      type: "subscribe",
      subscriber,
      channel,
      ...(begin === undefined ? {} : { since: begin }),
      ...(events === undefined ? {} : { events }),
    });
  }

  #onSubscribed(wanted: Wanted, message: Message): void {
    const { position, recovered, reason, snapshot } = message;
    const hadPosition = wanted.position !== undefined;
    wanted.state = "live";
    // Until the gap that names it has come, one is where one was.
    const waits = hadPosition && recovered !== true && snapshot === undefined;
    if (!waits) wanted.position = String(position);
    this.#world.journal.add({
      type: "subscribed",
      subscriber: wanted.subscriber,
      position: String(position),
      recovered: recovered === true,
      ...(reason === undefined ? {} : { reason: String(reason) }),
      ...(snapshot === undefined ? {} : { state: stateHash(snapshot) }),
    });
  }

  #onGap(wanted: Wanted, { from, to, reason }: Message): void {
    wanted.position = String(to);
    const { subscriber } = wanted;
    const told = { from: String(from), to: String(to), reason: String(reason) };
    this.#world.journal.add({ type: "gap", subscriber, ...told });
  }

  #onReset(wanted: Wanted, { position, reason, snapshot }: Message): void {
    wanted.position = String(position);
    this.#world.journal.add({
      type: "reset",
      subscriber: wanted.subscriber,
      position: String(position),
      reason: String(reason),
      state: stateHash(snapshot),
    });
  }

  #onPublication(wanted: Wanted, message: Message): void {
    const cursor = parseCursor(message.event_id);
    const at = cursor.ok ? cursor.value.get(wanted.channel) : undefined;
    const position = at === undefined ? "?" : `${at.epoch}.${at.offset}.${at.tag}`;
    if (wanted.state !== "idle") wanted.position = position;
    this.#world.journal.add({
      type: "delivery",
      subscriber: wanted.subscriber,
      position,
      event: message.type,
      hash: hashOf(JSON.stringify(message.data)),
    });
  }

  #publish(
    one: { n: number; channel: string; event: string; data: unknown; key: string },
    attempt: number,
  ): void {
    const { n, channel, event, data, key } = one;
    const { journal } = this.#world;
    const publisher = this.name;
    const line = `connection-${this.#generation}`;
    const hash = hashOf(JSON.stringify(data));
    journal.add({ type: "publish", publisher, n, line, attempt, channel, key, event, hash });
    const again = (code: string, outcome: "failed" | "unknown") => {
      journal.add({ type: "published", publisher, n, attempt, outcome, code });
      if (attempt >= 3 || outcome === "failed") return;
      this.#clock.after(this.#random.between(500, 3_000), () => this.#publish(one, attempt + 1));
    };
    if (!this.#isOpen) {
      again("lost", "unknown");
      return;
    }
    let answered = false;
    const id = this.#call({ type: "publish", channel, event, data, key }, (reply) => {
      answered = true;
      if (reply.error === undefined) {
        const { position, duplicate } = reply.result as { position: string; duplicate: boolean };
        const outcome = "stored";
        journal.add({ type: "published", publisher, n, attempt, outcome, position, duplicate });
        return;
      }
      const { code, retryable } = reply.error as { code: string; retryable: boolean };
      again(code, retryable ? "unknown" : "failed");
    });
    this.#clock.after(answerMs, () => {
      if (answered) return;
      this.#calls.delete(id);
      again("timed_out", "unknown");
    });
  }

  #call(message: Message, answer: (reply: Message) => void): number {
    const id = ++this.#ids;
    this.#calls.set(id, answer);
    this.#send({ ...message, id });
    return id;
  }

  #send(message: Message): void {
    this.#link?.sendText(JSON.stringify(message));
  }
}

function stateHash(snapshot: unknown): string {
  const { state } = (snapshot ?? {}) as { state?: { data?: unknown } | null };
  return hashOf(JSON.stringify(state?.data ?? null));
}
