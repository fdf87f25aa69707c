import { type Beginning, Claim, Submission, stateHash } from "@milepost/checker/recording";
import {
  formatCursor,
  formatPosition,
  type Position,
  parseCursor,
  parsePosition,
  pendingPosition,
} from "@milepost/protocol";
import type { Link } from "../link.ts";
import { NetworkPort } from "../network.ts";
import { SeededRandom } from "../seeded-random.ts";
import { ProcessClock } from "../virtual-time.ts";
import { eventNames, payload, type Reading, type World } from "./world.ts";

interface Message {
  readonly type: string;
  readonly [field: string]: unknown;
}

interface Wanted {
  readonly claim: Claim;
  /** State of the subscription on this connection: not requested, requested, waiting for its operation, or started. */
  state: "idle" | "asked" | "pending" | "live";
}

const pingMs = 15_000;
const deafMs = 35_000;
/** Time within which a publish must be answered before it counts as failed, in milliseconds. */
const answerMs = 20_000;

/**
 * Client without the SDK, written from the protocol's documentation alone. With `cursor` it resumes from the
 * last event_id alone; with `messages` it subscribes to each channel from the position it holds.
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
  /** Number of the current connection; messages of older connections are ignored. */
  #generation = 0;
  #link: Link | undefined;
  #isOpen = false;
  /** Channels that the credential of this connection does not allow. */
  #denied: ReadonlySet<string> = new Set();
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
    const subscriber = `${this.name}/${channel}/${++this.#claims}`;
    const claim = new Claim(this.#world.journal, subscriber, channel, since, events);
    const wanted: Wanted = { claim, state: "idle" };
    this.#wanted.set(channel, wanted);
    if (this.#isOpen) this.#ask(wanted);
  }

  unsubscribe(channel: string): void {
    const wanted = this.#wanted.get(channel);
    if (wanted === undefined || wanted.state === "asked") return;
    this.#letGo(wanted);
    if (wanted.state !== "idle") this.#call({ type: "unsubscribe", channel }, () => {});
  }

  publish(channel: string, count: number, bytes: number): void {
    for (let i = 0; i < count; i++) {
      const n = ++this.#published;
      const data = payload(n, bytes);
      const event = this.#random.pick(eventNames);
      const what = { publisher: this.name, n, channel, event, data, key: `${this.name}-${n}` };
      this.#publish(new Submission(this.#world.journal, what));
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
    for (const wanted of [...this.#wanted.values()]) this.#letGo(wanted);
    this.#link?.closeFromClient();
    this.#reset();
    this.#clock.kill();
  }

  #letGo(wanted: Wanted): void {
    this.#wanted.delete(wanted.claim.channel);
    wanted.claim.leaves();
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
    const url = new URL("ws://sim/ws");
    url.searchParams.set("token", this.#world.token(this.name));
    this.#denied = new Set(this.#world.denied.get(this.name));
    const all = [...this.#wanted.values()];
    const unfiltered = all.filter(({ claim }) => claim.events === undefined);
    if (this.#resumesBy !== "cursor" || unfiltered.length === 0) return url;
    const cursor = this.#cursor();
    // A channel without a stored position subscribes by message, because only a message can choose the
    // beginning.
    const byConnect = unfiltered.filter(
      ({ claim }) => cursor?.has(claim.channel) === true || claim.since === "state",
    );
    if (cursor !== undefined && cursor.size > 0) {
      url.searchParams.set("last_event_id", formatCursor(cursor));
    }
    if (byConnect.length === 0) return url;
    url.searchParams.set("channels", byConnect.map(({ claim }) => claim.channel).join(","));
    for (const wanted of byConnect) {
      const at = cursor?.get(wanted.claim.channel);
      wanted.state = "asked";
      wanted.claim.asks(at && formatPosition(at), !this.#denied.has(wanted.claim.channel));
    }
    return url;
  }

  /**
   * Returns the positions to resume the wanted channels from: those of the last event_id, or the position the
   * client holds for a channel that the event_id does not contain.
   */
  #cursor(): Map<string, Position> | undefined {
    const parsed = parseCursor(this.#eventId);
    const cursor = new Map<string, Position>();
    for (const { claim } of this.#wanted.values()) {
      const { channel, position, events } = claim;
      if (events !== undefined) continue;
      const own = parsePosition(position);
      const named = parsed.ok ? parsed.value.get(channel) : undefined;
      // While the subscription waits, the client itself holds its last position.
      const known = named?.epoch === pendingPosition.epoch ? undefined : named;
      const at = known ?? (own.ok ? own.value : undefined);
      if (at !== undefined && position !== undefined) cursor.set(channel, at);
    }
    return cursor;
  }

  /** Sends pings, and reconnects when the node has sent nothing for too long. */
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
        if (wanted?.state === "live") {
          const { from, to, reason } = message;
          wanted.claim.lacks(String(from), String(to), String(reason));
        }
        return;
      case "reset":
        if (wanted?.state === "live") {
          const { position, reason, snapshot } = message;
          wanted.claim.isReset(String(position), String(reason), stateHash(snapshot));
        }
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
    // A subscription of the connect request failed, and the reply does not name it, so every unanswered channel
    // asks again.
    const generation = this.#generation;
    this.#clock.after(3_000, () => {
      if (generation !== this.#generation) return;
      for (const one of this.#wanted.values()) if (one.state === "asked") this.#ask(one);
    });
  }

  #ask(wanted: Wanted): void {
    const { claim } = wanted;
    const { channel, position, events, begin } = claim;
    wanted.state = "asked";
    claim.asks(position, !this.#denied.has(channel));
    const generation = this.#generation;
    this.#call(
      {
        type: "subscribe",
        channel,
        ...(begin === undefined ? {} : { since: begin }),
        ...(events === undefined ? {} : { events }),
      },
      (reply) => {
        if (this.#wanted.get(channel) !== wanted || generation !== this.#generation) return;
        if (reply.error === undefined) {
          this.#onSubscribed(wanted, reply.result as Message);
          return;
        }
        const { code, retryable } = reply.error as { code: string; retryable: boolean };
        // The answer to the subscription of the connect request is still on its way.
        if (code === "already_subscribed") return;
        if (!retryable) {
          this.#letGo(wanted);
          return;
        }
        this.#clock.after(this.#random.between(500, 2_000), () => {
          const still = this.#wanted.get(channel) === wanted && generation === this.#generation;
          if (still && wanted.state === "asked") this.#ask(wanted);
        });
      },
    );
  }

  #onSubscribed(wanted: Wanted, message: Message): void {
    const { claim } = wanted;
    const { position, recovered, stale, reason, snapshot, pending } = message;
    if (pending === true) {
      wanted.state = "pending";
      claim.waits();
      return;
    }
    wanted.state = "live";
    // The position stays where it was until the gap that ends at the new position has arrived.
    const waits = claim.position !== undefined && recovered !== true && snapshot === undefined;
    const answer = {
      recovered: recovered === true,
      stale: stale === true,
      reason: reason === undefined ? undefined : String(reason),
      state: snapshot === undefined ? undefined : stateHash(snapshot),
    };
    claim.starts(String(position), answer, !waits);
  }

  #onPublication({ claim }: Wanted, message: Message): void {
    const cursor = parseCursor(message.event_id);
    const at = cursor.ok ? cursor.value.get(claim.channel) : undefined;
    claim.takes(at === undefined ? "?" : formatPosition(at), message.type, message.data);
  }

  #publish(submission: Submission): void {
    const { channel, event, data, key } = submission.what;
    submission.asks(`connection-${this.#generation}`);
    const again = (code: string, outcome: "failed" | "unknown") => {
      submission.isNot(outcome, code);
      if (submission.attempts >= 3 || outcome === "failed") return;
      this.#clock.after(this.#random.between(500, 3_000), () => this.#publish(submission));
    };
    if (!this.#isOpen) {
      again("lost", "unknown");
      return;
    }
    let answered = false;
    const id = this.#call({ type: "publish", channel, event, data, key }, (reply) => {
      answered = true;
      if (reply.error === undefined) {
        submission.isStored(reply.result as { position: string; duplicate: boolean });
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
