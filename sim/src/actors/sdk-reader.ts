import { type Client, createClient, type Subscription } from "@milepost/client";
import type { Snapshot } from "@milepost/protocol";
import { makeToken } from "../credential.ts";
import { hashOf } from "../journal.ts";
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

interface Wanted {
  readonly channel: string;
  readonly since: Beginning;
  readonly events: readonly string[] | undefined;
  /** Changes with every subscribe after an unsubscribe: another claim. */
  readonly subscriber: string;
  /** What the application has stored. */
  position: string | undefined;
  subscription: Subscription | undefined;
}

/** An application on the SDK: it stores its position with every entry, and comes back with it. */
export class SdkReader implements Reading {
  readonly name: string;
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #wanted = new Map<string, Wanted>();
  #client: Client;
  #clock: ProcessClock;
  #port: NetworkPort;
  #claims = 0;
  #published = 0;
  #lives = 0;

  constructor(name: string, world: World) {
    this.name = name;
    this.#world = world;
    this.#random = SeededRandom.named(world.seed, name);
    [this.#client, this.#clock, this.#port] = this.#begin();
  }

  get timers(): number {
    return this.#clock.pending;
  }

  subscribe(channel: string, since: Beginning, events?: readonly string[]): void {
    if (this.#wanted.has(channel)) return;
    const subscriber = `${this.name}/${channel}/${++this.#claims}`;
    const wanted: Wanted = {
      channel,
      since,
      events,
      subscriber,
      position: undefined,
      subscription: undefined,
    };
    this.#wanted.set(channel, wanted);
    this.#take(wanted);
  }

  unsubscribe(channel: string): void {
    const wanted = this.#wanted.get(channel);
    if (wanted === undefined) return;
    this.#wanted.delete(channel);
    wanted.subscription?.close();
    this.#world.journal.add({ type: "left", subscriber: wanted.subscriber });
  }

  publish(channel: string, count: number, bytes: number): void {
    for (let i = 0; i < count; i++) void this.#publish(channel, bytes);
  }

  restart(): void {
    this.#kill();
    [this.#client, this.#clock, this.#port] = this.#begin();
    for (const wanted of this.#wanted.values()) this.#take(wanted);
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
    for (const channel of [...this.#wanted.keys()]) this.unsubscribe(channel);
    await this.#client.close();
  }

  #kill(): void {
    this.#port.isDead = true;
    this.#clock.kill();
    this.#port.link?.abandonByClient();
  }

  #begin(): [Client, ProcessClock, NetworkPort] {
    const { time, nodes, tokenMs, seed } = this.#world;
    const clock = new ProcessClock(time);
    const random = SeededRandom.named(seed, `${this.name}/${++this.#lives}`);
    const port = new NetworkPort(nodes, time, random);
    const client = createClient({
      url: "ws://sim/ws",
      token: () => makeToken(this.name, tokenMs === undefined ? undefined : time.now() + tokenMs),
      // The simulated network has no HTTP.
      transports: ["websocket"],
      webSocket: port.webSocket(),
      clock,
      random: () => random.fraction(),
      onError: (error) => {
        if (error instanceof TypeError) this.#world.onDefect(error);
      },
    });
    return [client, clock, port];
  }

  #take(wanted: Wanted): void {
    const { channel, since, events, subscriber, position } = wanted;
    const { journal } = this.#world;
    const client = this.#client;
    const begin = position ?? sinceText(since);
    journal.add({
      type: "subscribe",
      subscriber,
      channel,
      ...(begin === undefined ? {} : { since: begin }),
      ...(events === undefined ? {} : { events }),
    });
    let started = false;
    const isCurrent = () => this.#client === client && this.#wanted.get(channel) === wanted;
    const start = (at: string, state: string | undefined, reason: string | undefined) => {
      if (started) return;
      started = true;
      wanted.position = at;
      journal.add({
        type: "subscribed",
        subscriber,
        position: at,
        ...(state === undefined ? {} : { state }),
        ...(reason === undefined ? {} : { reason }),
      });
    };
    const option = position ?? (since === "state" ? undefined : since);
    wanted.subscription = client.channel(channel).subscribe(
      {
        onState: () => {
          // The state of the start, if there is one, is told right behind this.
          const at = wanted.subscription?.position;
          if (started || at === undefined || this.#expectsState(wanted)) return;
          if (position !== undefined && at !== position) return;
          start(at, undefined, undefined);
        },
        onSnapshot: (snapshot) => {
          if (isCurrent()) start(snapshot.position, stateHash(snapshot.snapshot), undefined);
        },
        onReset: (reset) => {
          if (!isCurrent()) return;
          const state = stateHash(reset.snapshot);
          if (!started) start(reset.position, state, reset.reason);
          else {
            const { reason } = reset;
            journal.add({ type: "reset", subscriber, position: reset.position, reason, state });
          }
          wanted.position = reset.position;
        },
        onGap: ({ from, to, reason }) => {
          if (!isCurrent()) return;
          wanted.position = to;
          journal.add({ type: "gap", subscriber, from, to, reason });
        },
        onEvent: (event) => {
          if (!isCurrent()) return;
          wanted.position = event.position;
          journal.add({
            type: "delivery",
            subscriber,
            position: event.position,
            event: event.event,
            hash: hashOf(JSON.stringify(event.data)),
          });
        },
        onEnd: () => this.#gone(wanted),
        onError: () => this.#gone(wanted),
      },
      {
        ...(option === undefined ? {} : { since: option }),
        ...(events === undefined ? {} : { events }),
      },
    );
  }

  /** The service ended it; the application lets it go. */
  #gone(wanted: Wanted): void {
    if (this.#wanted.get(wanted.channel) !== wanted) return;
    this.#wanted.delete(wanted.channel);
    this.#world.journal.add({ type: "left", subscriber: wanted.subscriber });
  }

  /** Channels with a state tell it at once when they start there. */
  #expectsState({ channel, since, position }: Wanted): boolean {
    return position === undefined && since === "state" && !channel.startsWith("log:");
  }

  async #publish(channel: string, bytes: number): Promise<void> {
    const { journal } = this.#world;
    const n = ++this.#published;
    const publisher = this.name;
    const line = `life-${this.#lives}`;
    const key = `${this.name}-${n}`;
    const event = this.#random.pick(eventNames);
    const data = payload(n, bytes);
    const hash = hashOf(JSON.stringify(data));
    for (let attempt = 1; attempt <= 3; attempt++) {
      const [client, clock] = [this.#client, this.#clock];
      journal.add({ type: "publish", publisher, n, line, attempt, channel, key, event, hash });
      try {
        const options = { key, timeoutMs: 20_000 };
        const result = await client.channel(channel).publish(event, data, options);
        const { position, duplicate } = result;
        const outcome = "stored";
        journal.add({ type: "published", publisher, n, attempt, outcome, position, duplicate });
        return;
      } catch (error) {
        const { code = "", retryable = false } = error as { code?: string; retryable?: boolean };
        const outcome = retryable ? "unknown" : "failed";
        journal.add({ type: "published", publisher, n, attempt, outcome, code });
        if (code === "" || code === "internal") this.#world.onDefect(error);
        if (!retryable) return;
        await clock.pause(this.#random.between(100, 2_000));
      }
    }
  }
}

function stateHash({ state }: Snapshot): string {
  const { data = null } = (state ?? {}) as { data?: unknown };
  return hashOf(JSON.stringify(data));
}
