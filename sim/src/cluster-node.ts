import {
  type Core,
  type CoreLimits,
  createCore,
  type Encoder,
  type Rule,
  type TransportEvents,
  type UserPrincipal,
} from "@milepost/core";
import { testEncoder } from "@milepost/core/testing/test-encoder";
import type { Engine } from "@milepost/engine";
import { chooseSubprotocol, MilepostError, parseCursor } from "@milepost/protocol";
import { readToken } from "./credential.ts";
import type { Journal } from "./journal.ts";
import { type ClientEnd, Link, type LinkEnd } from "./link.ts";
import type { Mutant } from "./mutants/mutant.ts";
import { SeededRandom } from "./seeded-random.ts";
import type { Store } from "./store.ts";
import { ProcessClock, type VirtualTime } from "./virtual-time.ts";

/** Parts from which every node of a cluster is made. */
export interface NodeParts {
  readonly seed: number;
  readonly time: VirtualTime;
  readonly journal: Journal;
  readonly store: Store;
  readonly rules: readonly Rule[];
  readonly limits: Partial<CoreLimits>;
  readonly mutant: Mutant | undefined;
  /** Alters the engine of every node, for mutants of a single port. */
  readonly alter?: (engine: Engine) => Engine;
  /** Called with an error that the node logged; a correct run logs none. */
  onFault(error: unknown): void;
}

/** Process of a node, from its start to its end. */
interface Incarnation {
  readonly core: Core;
  readonly clock: ProcessClock;
  readonly encoders: Readonly<Record<Encoder["dialect"] | "short", Encoder>>;
  disconnect(): void;
}

/** Machine of the cluster, whose gateway process can end and start again. */
export class ClusterNode {
  readonly name: string;
  readonly #parts: NodeParts;
  readonly #random: SeededRandom;
  readonly links = new Set<Link>();
  #process: Incarnation | undefined;
  #isDraining = false;
  #isRetired = false;
  #starts = 0;
  #accepted = 0;

  constructor(name: string, parts: NodeParts) {
    this.name = name;
    this.#parts = parts;
    this.#random = SeededRandom.named(parts.seed, name);
  }

  get isUp(): boolean {
    return this.#process !== undefined;
  }

  /** The running gateway; undefined while no process runs. */
  get core(): Core | undefined {
    return this.#process?.core;
  }

  /** Number of connections that the gateway still holds although they have ended. */
  get excess(): number {
    return Math.max(0, (this.core?.stats().connections ?? 0) - this.links.size);
  }

  start(): void {
    if (this.#process !== undefined || this.#isRetired) return;
    const { time, store, rules, limits, mutant, seed, alter = (engine) => engine } = this.#parts;
    this.#starts++;
    const clock = new ProcessClock(time);
    const spoil = mutant?.log;
    const line = store.connect(
      this.name,
      spoil === undefined ? undefined : (log) => spoil(log, { random: this.#random, time }),
      mutant?.leases,
    );
    const core = createCore({
      engine: (context) => alter(line.factory(context)),
      clock,
      random: SeededRandom.named(seed, `${this.name}/${this.#starts}`),
      node: this.name,
      rules,
      limits: { ...limits, ...mutant?.limits },
      verifyToken: async (token) => this.#principal(token),
      log: {
        info: () => {},
        warn: () => {},
        error: ({ err }) => this.#parts.onFault(err),
      },
    });
    const encoders = {
      plain: testEncoder("plain"),
      "milepost.v1.json": testEncoder("milepost.v1.json"),
      "milepost.v1.msgpack": testEncoder("milepost.v1.msgpack"),
      short: testEncoder("milepost.v1.json", "short"),
    };
    this.#process = { core, clock, encoders, disconnect: line.disconnect };
    this.#isDraining = false;
  }

  /**
   * Ends the silence of all connections, so that both ends learn that they broke, and starts the process if it
   * is not running.
   */
  heal(): void {
    for (const link of this.links) link.endSilence();
    this.start();
  }

  /** Ends the process abruptly. With `isTold` the machine stays up and closes the process's sockets. */
  crash(isTold: boolean): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#process = undefined;
    process.clock.kill();
    process.disconnect();
    if (this.#parts.store.isEmbedded) this.#parts.store.crash();
    for (const link of [...this.links]) link.nodeCrashed(isTold);
    this.links.clear();
  }

  /** Ends the process for good; it cannot start again. */
  retire(): void {
    this.#isRetired = true;
    this.crash(true);
  }

  /** Shuts the gateway down in an orderly way, records what it left open, and ends its process. */
  async drain(drainMs: number): Promise<void> {
    const process = this.#process;
    if (process === undefined || this.#isDraining) return;
    this.#isDraining = true;
    await process.core.shutdown(drainMs);
    if (this.#process !== process) return;
    const { connections, subscriptions } = process.core.stats();
    this.#parts.journal.add({
      type: "baseline",
      owner: this.name,
      connections,
      subscriptions,
      timers: process.clock.pending,
    });
    this.crash(true);
  }

  /**
   * Accepts an upgrade and returns its link, over which the node answers; undefined when no process runs or no
   * subprotocol matches.
   */
  accept(url: URL, protocols: readonly string[], client: ClientEnd): Link | undefined {
    const process = this.#process;
    if (process === undefined) return undefined;
    const { dialect, isShort, token } = chooseSubprotocol(protocols);
    if (dialect === undefined) return undefined;
    const { journal, time, mutant } = this.#parts;
    const name = `${this.name}/${this.#starts}#${++this.#accepted}`;
    const onEnd = ({ code, by, peakBytes }: LinkEnd) => {
      this.links.delete(link);
      journal.add({ type: "closed", connection: name, code, by, peak_bytes: peakBytes });
    };
    // A mutant that alters messages knows their long form only.
    const form = isShort === true && mutant?.tamper === undefined ? "short" : dialect;
    const link: Link = new Link(name, process.encoders[form], time, this.#random, client, onEnd);
    link.open();
    const given = token ?? url.searchParams.get("token") ?? "";
    let principal: UserPrincipal;
    try {
      principal = this.#principal(given);
    } catch (error) {
      const over = error instanceof MilepostError && error.code === "token_expired";
      link.close(over ? 4101 : 4401, "refused");
      return link;
    }
    const real = readToken(given, Number.NEGATIVE_INFINITY);
    journal.add({
      type: "opened",
      connection: name,
      node: this.name,
      ...(real.expiresAt === undefined ? {} : { expires_at: real.expiresAt }),
    });
    this.links.add(link);
    if (mutant?.tamper !== undefined) {
      const { store } = this.#parts;
      link.tamper = mutant.tamper({ dialect, random: this.#random, time, store });
    }
    const spoilt = mutant?.attach ?? ((events: TransportEvents) => events);
    const session = /^\/ws\/progress\/([^/]+)$/.exec(url.pathname)?.[1];
    if (session !== undefined) {
      link.attach(spoilt(process.core.connectFeed(link, session, principal)));
      return link;
    }
    const connectionId = url.searchParams.get("connection_id");
    const channels = url.searchParams.get("channels")?.split(",");
    const cursor = parseCursor(url.searchParams.get("last_event_id") ?? undefined);
    const events = process.core.connect(link, {
      principal,
      ...(connectionId === null ? {} : { connectionId }),
      ...(channels === undefined ? {} : { channels }),
      ...(cursor.ok ? { resume: cursor.value } : {}),
    });
    link.attach(spoilt(this.#noting(name, link, events)));
    return link;
  }

  /** Wraps a connection's events to record renewals of its credential. */
  #noting(connection: string, link: Link, events: TransportEvents): TransportEvents {
    return {
      onText: (text) => {
        if (text.includes('"auth"')) this.#noteRenewal(connection, link, text);
        events.onText(text);
      },
      onBinary: (bytes, split) => events.onBinary(bytes, split),
      onUnsupportedFrame: () => events.onUnsupportedFrame(),
      onAlive: () => events.onAlive(),
      onControl: () => events.onControl(),
      onDrain: () => events.onDrain(),
      onClose: () => events.onClose(),
    };
  }

  /** Records a renewal once the node has answered the auth message with a result. */
  #noteRenewal(connection: string, link: Link, text: string): void {
    const { id, type, token } = JSON.parse(text) as { id?: number; type?: string; token?: string };
    if (type !== "auth" || token === undefined || id === undefined) return;
    const { expiresAt } = readToken(token, Number.NEGATIVE_INFINITY);
    const reply = `"type":"reply","id":${id},`;
    link.observe = (texts) => {
      const answer = texts.find((one) => one.includes(reply));
      if (answer === undefined) return;
      link.observe = undefined;
      if (expiresAt === undefined || !answer.includes(`${reply}"result"`)) return;
      this.#parts.journal.add({ type: "renewed", connection, expires_at: expiresAt });
    };
  }

  #principal(token: string): UserPrincipal {
    const principal = readToken(token, this.#parts.time.now());
    return this.#parts.mutant?.credential?.(principal) ?? principal;
  }
}
