import { isRecord, MilepostError } from "@milepost/protocol";
import { internalsOf } from "../channel/channel-requests.ts";
import type { Channels } from "../channel/channels.ts";
import type { Client } from "../client.ts";
import type { AnyContract, Contract } from "../contract.ts";
import type { Cancel } from "../runtime/clock.ts";
import { AgeSample } from "./age-sample.ts";
import { measuredHandlers } from "./measured-handlers.ts";
import { StoreClock } from "./store-clock.ts";

/** Options of {@link shareLatency}. */
export interface LatencyOptions {
  /** Share of the clients that take part, 0 to 1; default 0.1. Each client draws once, when it is asked. */
  readonly share?: number;
  /** Time between two reports, in milliseconds; default 60,000, at least 10,000. */
  readonly everyMs?: number;
  /** Random number from 0 up to, but not including, 1; default `Math.random`. */
  readonly random?: () => number;
}

/** Number of ages in one report. */
const sampleSize = 32;
const shortestMs = 10_000;
const answerTimeoutMs = 10_000;
/** Channel whose handle leads to the client. Nothing is subscribed. */
const anyChannel = "latency:client";

/**
 * Reports to the gateway how long entries took from their append to this page. Without a call of it, nothing is measured.
 *
 * Call it before the page subscribes: subscriptions made before are not measured. A report holds a random sample of at most
 * 32 ages, and nothing else: no channel, no data. Summaries, entries that are caught up, and all that arrives while the page is
 * hidden are left out. The ages are by the clock of the store, which is estimated from round trips; ages that were
 * measured while the clocks disagreed are dropped. Older gateways are asked once. Returns a function that stops.
 */
export function shareLatency<C extends Contract = AnyContract>(
  client: Client<C>,
  { share = 0.1, everyMs = 60_000, random = Math.random }: LatencyOptions = {},
): () => void {
  const plain = client as unknown as Client;
  const channels = internalsOf(plain.channel(anyChannel))?.channels;
  if (channels === undefined) throw new TypeError("this is no client of @milepost/client");
  if (random() >= share) return () => {};
  const reporter = new LatencyReporter(plain, channels, Math.max(shortestMs, everyMs), random);
  return () => reporter.stop();
}

/** Measures the subscriptions of one client, and reports on them while it is connected. */
class LatencyReporter {
  readonly #client: Client;
  readonly #channels: Channels;
  readonly #everyMs: number;
  readonly #random: () => number;
  readonly #clock = new StoreClock();
  readonly #forgetState: () => void;
  /** Ages since the last look at the clock. */
  #sample: AgeSample;
  #connectionId: string | undefined;
  #cancel: Cancel | undefined;
  #isStopped = false;

  constructor(client: Client, channels: Channels, everyMs: number, random: () => number) {
    this.#client = client;
    this.#channels = channels;
    this.#everyMs = everyMs;
    this.#random = random;
    this.#sample = this.#newSample();
    this.#measure();
    this.#forgetState = client.onState(() => this.#onState());
    this.#onState();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
    this.#forgetState();
  }

  /** Lets all subscriptions from now on tell of their events. They stay measured, but nobody listens after `stop`. */
  #measure(): void {
    const channels = this.#channels;
    const subscribe = channels.subscribe.bind(channels);
    const { clock } = this.#client;
    channels.subscribe = (name, handlers, options) => {
      // A summary is late on purpose.
      const isMeasured = !this.#isStopped && options?.summaryMs === undefined;
      const own = isMeasured
        ? measuredHandlers(
            handlers,
            () => clock.monotonic(),
            (ts, since) => this.#onArrival(ts, since),
          )
        : handlers;
      return subscribe(name, own, options);
    };
  }

  #onArrival(ts: number, liveSince: number): void {
    if (this.#isStopped || isHidden()) return;
    const now = this.#client.clock.monotonic();
    const ageMs = this.#clock.ageOf(ts, now);
    if (ageMs !== undefined && ageMs <= now - liveSince) this.#sample.add(ageMs);
  }

  /** Begins anew with each connection: another node may answer, and its store may have another clock. */
  #onState(): void {
    const state = this.#client.state;
    const connectionId = state.state === "connected" ? state.connectionId : undefined;
    if (connectionId === this.#connectionId) return;
    this.#connectionId = connectionId;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#clock.forget();
    this.#sample = this.#newSample();
    // The second look comes soon, so that pages that are soon left report too.
    if (connectionId !== undefined) void this.#look(connectionId, shortestMs);
  }

  /** Looks at the store's clock, and reports the ages since the last look if both looks agree. */
  async #look(connectionId: string, nextMs: number): Promise<void> {
    const { clock } = this.#client;
    const sentAt = clock.monotonic();
    const now = await this.#ask({});
    if (this.#isStopped || connectionId !== this.#connectionId) return;
    const { ages } = this.#sample;
    if (now !== undefined) {
      this.#sample = this.#newSample();
      const agrees = this.#clock.measured(sentAt, clock.monotonic(), now);
      if (agrees && ages.length > 0) void this.#ask({ ages });
    }
    this.#cancel = clock.after(nextMs, () => void this.#look(connectionId, this.#everyMs));
  }

  /** Returns the store's time by the gateway's answer; undefined if there is none. */
  async #ask(params: { readonly ages?: readonly number[] }): Promise<number | undefined> {
    try {
      const options = { timeoutMs: answerTimeoutMs };
      const answer = await this.#client.request("connection.latency", params, options);
      return isRecord(answer) && typeof answer.now === "number" ? answer.now : undefined;
    } catch (error) {
      // A gateway without the method will not get it while this page lasts.
      if (error instanceof MilepostError && error.code === "unknown_method") this.stop();
      return undefined;
    }
  }

  #newSample(): AgeSample {
    return new AgeSample(sampleSize, this.#random);
  }
}

function isHidden(): boolean {
  return typeof document !== "undefined" && document.visibilityState === "hidden";
}
