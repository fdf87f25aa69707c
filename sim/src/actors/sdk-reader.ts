import { type Beginning, Claim, Submission, stateHash } from "@milepost/checker/recording";
import { type Client, createClient, type Subscription } from "@milepost/client";
import { NetworkPort } from "../network.ts";
import { SeededRandom } from "../seeded-random.ts";
import { ProcessClock } from "../virtual-time.ts";
import { eventNames, payload, type Reading, type World } from "./world.ts";

interface Wanted {
  readonly claim: Claim;
  subscription: Subscription | undefined;
}

/** Application on the SDK that stores its position with every entry, and resumes from it after a restart. */
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
    const claim = new Claim(this.#world.journal, subscriber, channel, since, events);
    const wanted: Wanted = { claim, subscription: undefined };
    this.#wanted.set(channel, wanted);
    this.#take(wanted);
  }

  unsubscribe(channel: string): void {
    const wanted = this.#wanted.get(channel);
    if (wanted === undefined) return;
    this.#wanted.delete(channel);
    wanted.subscription?.close();
    wanted.claim.leaves();
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
    const { time, nodes, seed } = this.#world;
    const clock = new ProcessClock(time);
    const random = SeededRandom.named(seed, `${this.name}/${++this.#lives}`);
    const port = new NetworkPort(nodes, time, random);
    const client = createClient({
      url: "ws://sim/ws",
      token: () => this.#world.token(this.name),
      // The simulated network has no HTTP, so only WebSocket works.
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
    const { claim } = wanted;
    const { channel, events, position, begin } = claim;
    const client = this.#client;
    claim.asks(position);
    let started = false;
    const isCurrent = () => this.#client === client && this.#wanted.get(channel) === wanted;
    const start = (at: string, state?: string, reason?: string) => {
      if (started) return;
      started = true;
      claim.starts(at, { state, reason });
    };
    wanted.subscription = client.channel(channel).subscribe(
      {
        onState: (state) => {
          if (state === "pending" && isCurrent()) claim.waits();
          // The SDK reports the state of the start, if there is one, right after this call.
          const at = wanted.subscription?.position;
          if (started || at === undefined || expectsState(claim)) return;
          if (position !== undefined && at !== position) return;
          start(at);
        },
        onSnapshot: (snapshot) => {
          if (isCurrent()) start(snapshot.position, stateHash(snapshot.snapshot));
        },
        onReset: (reset) => {
          if (!isCurrent()) return;
          const state = stateHash(reset.snapshot);
          if (started) claim.isReset(reset.position, reset.reason, state);
          else start(reset.position, state, reset.reason);
        },
        onGap: ({ from, to, reason }) => {
          if (isCurrent()) claim.lacks(from, to, reason);
        },
        onEvent: ({ position, event, data }) => {
          if (isCurrent()) claim.takes(position, event, data);
        },
        onEnd: () => this.#gone(wanted),
        onError: () => this.#gone(wanted),
      },
      {
        ...(begin === undefined ? {} : { since: begin }),
        ...(events === undefined ? {} : { events }),
      },
    );
  }

  /** Leaves a subscription that the gateway ended. */
  #gone(wanted: Wanted): void {
    const { claim } = wanted;
    if (this.#wanted.get(claim.channel) !== wanted) return;
    this.#wanted.delete(claim.channel);
    claim.leaves();
  }

  async #publish(channel: string, bytes: number): Promise<void> {
    const n = ++this.#published;
    const line = `life-${this.#lives}`;
    const key = `${this.name}-${n}`;
    const event = this.#random.pick(eventNames);
    const data = payload(n, bytes);
    const what = { publisher: this.name, n, channel, event, data, key };
    const submission = new Submission(this.#world.journal, what);
    while (submission.attempts < 3) {
      const [client, clock] = [this.#client, this.#clock];
      submission.asks(line);
      try {
        const options = { key, timeoutMs: 20_000 };
        submission.isStored(await client.channel(channel).publish(event, data, options));
        return;
      } catch (error) {
        const { code = "", retryable = false } = error as { code?: string; retryable?: boolean };
        submission.isNot(retryable ? "unknown" : "failed", code);
        if (code === "" || code === "internal") this.#world.onDefect(error);
        if (!retryable) return;
        await clock.pause(this.#random.between(100, 2_000));
      }
    }
  }
}

/** Returns true when the claim's first subscription starts with the channel's state. */
function expectsState({ channel, since, position }: Claim): boolean {
  return position === undefined && since === "state" && !channel.startsWith("log:");
}
