import type { ClientOptions } from "../client.ts";
import { Backoff } from "../connection/backoff.ts";
import { CoreClient } from "../core-client.ts";
import { BroadcastLocks } from "../sharing/broadcast-locks.ts";
import { sharedTransport } from "../sharing/shared-transport.ts";
import type { Tabs } from "../sharing/tabs.ts";
import type { Fetch } from "../transport/http-endpoint.ts";
import { LogGateway } from "./log-gateway.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { type FakeTab, TabWorld } from "./tab-world.ts";

/** A client in a tab of a {@link SharedBrowser}, with what it received. */
export interface SharingTab {
  readonly tab: FakeTab;
  readonly client: CoreClient;
  /** Data of the events that the tab received, by channel. */
  seen(channel: string): unknown[];
  /** Gaps, errors and states of the connection, in order. */
  readonly log: string[];
}

/** Options of a tab. */
export interface SharingTabOptions extends Partial<ClientOptions> {
  /** False when other tabs cannot be reached. */
  readonly hasTabs?: boolean;
}

/** A browser in memory whose tabs may share their connections to a gateway. Its clock stands still. */
export class SharedBrowser {
  readonly clock = new ManualClock();
  readonly gateway = new LogGateway();
  /** Tokens that the gateway refuses when a tab shows them by itself. */
  readonly refused = new Set<string>();
  /** True while the gateway leaves a tab that shows its own token without an answer. */
  isMute = false;
  /** User that the gateway names when a tab shows its own token. */
  user = "7";
  /** Ends of tokens, in milliseconds since 1970; a token without one does not end. */
  readonly ends = new Map<string, number>();
  readonly #world = new TabWorld();
  #seed: number;

  readonly #hasWebLocks: boolean;

  constructor({ seed = 1, hasWebLocks = true } = {}) {
    this.#seed = seed;
    this.#hasWebLocks = hasWebLocks;
  }

  /** Returns a random number from 0 up to, but not including, 1. */
  readonly random = (): number => {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#seed / 2 ** 32;
  };

  /** Number of open connections whose response is held open. */
  get streams(): number {
    return [...this.gateway.connections].filter(({ name }) => name !== "poll").length;
  }

  open({ hasTabs = true, ...options }: SharingTabOptions = {}): SharingTab {
    const { clock, random, gateway } = this;
    const tab = this.#world.open();
    const tabClock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (ms: number, callback: () => void) => clock.after(ms, () => tab.run(callback)),
    };
    const tabs: Tabs = {
      locks: this.#hasWebLocks
        ? tab.locks
        : new BroadcastLocks((...end) => tab.channel(...end), tabClock, random),
      channel: (...end) => tab.channel(...end),
      onFreeze: (listener) => tab.onFreeze(listener),
      digest: (secret) => tab.digest(secret),
    };
    const transport = sharedTransport({
      inner: gateway.transport("sse", tab),
      brief: gateway.transport("poll", tab),
      tabs: hasTabs ? tabs : undefined,
      share: options.share ?? true,
      fetch: this.#fetch(tab),
      clock: tabClock,
      backoff: new Backoff({}, random),
      random,
    });
    const log: string[] = [];
    const client = new CoreClient(
      {
        url: "http://gateway.test",
        token: tokenOf({ sub: "7" }),
        clock: tabClock,
        random,
        onError: (error) => log.push(String(error)),
        ...options,
      },
      { transports: { current: transport } },
    );
    client.onState((state) => log.push(state.state));
    const seen = new Map<string, unknown[]>();
    return {
      tab,
      client,
      log,
      seen(channel) {
        const known = seen.get(channel);
        if (known !== undefined) return known;
        const all: unknown[] = [];
        seen.set(channel, all);
        client.channel(channel).subscribe({
          onEvent: ({ data }) => all.push(data),
          onGap: ({ reason }) => log.push(`gap ${reason}`),
          onError: (error) => log.push(`${channel}: ${error.code}`),
        });
        return all;
      },
    };
  }

  /** Ends a tab without notice. The gateway notices that its connection is gone. */
  crash({ tab }: SharingTab): void {
    tab.crash();
    for (const connection of this.gateway.connections) {
      if (connection.tab === tab) connection.release();
    }
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let round = 0; round < 10; round++) await settle();
  }

  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 100) {
      await this.clock.advance(Math.min(left, 100));
      await settle();
    }
  }

  /** Answers the short calls with which a tab proves its own token. */
  #fetch(tab: FakeTab): Fetch {
    return (_url, { headers, signal }) =>
      new Promise((resolve, reject) => {
        const onAbort = () => reject(signal.reason);
        signal.addEventListener("abort", onAbort);
        if (this.isMute) return;
        const token = `${headers.Authorization}`.slice("Bearer ".length);
        const expires_at = this.ends.get(token) ?? null;
        const isRefused = this.refused.has(token) || this.clock.now() >= (expires_at ?? Infinity);
        const code = "token_revoked";
        const problem = { type: `urn:milepost:error:${code}`, code, detail: "revoked" };
        const welcome = [{ type: "welcome", user_id: this.user, session_id: null, expires_at }];
        const body = isRefused ? problem : welcome;
        const response = {
          ok: !isRefused,
          status: isRefused ? 401 : 200,
          headers: new Headers({ "content-type": "application/problem+json" }),
          json: async () => body,
          text: async () => JSON.stringify(body),
        };
        queueMicrotask(() =>
          tab.run(() => {
            signal.removeEventListener("abort", onAbort);
            resolve(response as unknown as Response);
          }),
        );
      });
  }
}

/** Returns an unsigned token with the given claims. */
export function tokenOf(claims: object): string {
  const part = (value: object) => {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    const text = btoa(String.fromCharCode(...bytes));
    return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  };
  return `${part({ alg: "none" })}.${part(claims)}.signature`;
}
