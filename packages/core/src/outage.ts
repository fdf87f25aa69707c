import type { ConnectionRegistry } from "./connection/connection-registry.ts";
import type { Clock } from "./ports/clock.ts";
import type { StoreHealth, StoreWatch } from "./ports/store-health.ts";
import { Deadline, type TimerWheel } from "./timer-wheel.ts";

/** A store that is back so soon was never away: its connection was made anew. */
const noticeAfterMs = 500;

/** What an outage needs of its node. */
export interface OutageParts {
  /** Absent where the store is part of the process. */
  readonly store: StoreWatch | undefined;
  readonly connections: ConnectionRegistry;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
}

/**
 * Whether this node is without its store; its connections are told when that begins and when it is over.
 *
 * The engine says how its store is doing. An engine that knows within 4 s has its clients told within 5.
 */
export class Outage extends Deadline {
  readonly #parts: OutageParts;
  readonly #unwatch: () => void;
  #beganAt: number | undefined;
  #isTold = false;

  constructor(parts: OutageParts) {
    super();
    this.#parts = parts;
    this.#unwatch = parts.store?.onChange((health) => this.#look(health)) ?? (() => {});
    if (parts.store !== undefined) this.#look(parts.store.health);
  }

  /** Whether the node is without its store, and its connections have been told. */
  get isOn(): boolean {
    return this.#isTold;
  }

  /** For how long, in milliseconds; undefined while all is well. */
  get lastsMs(): number | undefined {
    const { clock } = this.#parts;
    return this.#beganAt === undefined ? undefined : clock.monotonic() - this.#beganAt;
  }

  override onDue(): void {
    this.#isTold = true;
    for (const attachment of this.#parts.connections.all) attachment.announceStore("degraded");
  }

  close(): void {
    this.#unwatch();
    this.#parts.wheel.clear(this);
  }

  #look({ connected, busConnected }: StoreHealth): void {
    const { wheel, clock, connections } = this.#parts;
    const isAway = !(connected && busConnected);
    if (isAway === (this.#beganAt !== undefined)) return;
    if (isAway) {
      this.#beganAt = clock.monotonic();
      wheel.set(this, noticeAfterMs);
      return;
    }
    this.#beganAt = undefined;
    wheel.clear(this);
    if (!this.#isTold) return;
    this.#isTold = false;
    for (const attachment of connections.all) attachment.announceStore("restored");
  }
}
