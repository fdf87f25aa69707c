import { type BackoffOptions, createClient } from "@milepost/client";
import { createTokens } from "@milepost/server";
import { WebSocket } from "ws";
import { monotonicUs } from "../measure/monotonic.ts";
import type { Fleet } from "../targets/fleet.ts";
import { HttpProducer } from "../targets/http-producer.ts";
import { secrets } from "../targets/served-node.ts";

/** Result of cutting one client, which then reconnected. */
export interface Reconnect {
  /** Milliseconds from the cut until the client was connected again and had received all it missed. */
  readonly ms: number;
  /**
   * Milliseconds from the first attempt to reconnect until the same moment; the wait before it does not count.
   */
  readonly attemptMs: number;
  /** Publications that were skipped or repeated, plus gaps and resets that the client reported. */
  readonly wrong: number;
}

const channel = "bench:all";
const missed = 3;
const timeoutMs = 60_000;

/**
 * Cuts `count` SDK clients, one after the other; each reconnects to the next node.
 *
 * A client that is cut again within seconds waits longer, so each client is cut only once.
 */
export async function runReconnects(
  { nodes }: Fleet,
  backoff: BackoffOptions | undefined,
  count: number,
): Promise<readonly Reconnect[]> {
  using producer = new HttpProducer(channel);
  const tokens = createTokens(secrets.tokenSecret, Date);
  const token = await tokens.mint({ user: "7", channels: { subscribe: ["bench:*"], publish: [] } });
  const urls = nodes.map(({ url }) => `${url.replace("http", "ws")}/ws`);
  const results: Reconnect[] = [];
  let published = 0;
  for (let i = 0; i < count; i++) {
    results.push(await cutOnce());
  }
  return results;

  async function cutOnce(): Promise<Reconnect> {
    const { opened, webSocket } = inTurn(urls);
    await using client = createClient({
      url: urls[0] ?? "",
      token,
      webSocket,
      transports: ["websocket"],
      ...(backoff === undefined ? {} : { backoff }),
    });
    let next = published;
    let wrong = 0;
    let attemptAt: number | undefined;
    let connectedAt: number | undefined;
    let hasAll = (_atUs: number) => {};
    let fail = (_error: Error) => {};
    const all = new Promise<number>((resolve, reject) => {
      hasAll = resolve;
      fail = reject;
    });
    const last = published + missed - 1;
    const look = () => {
      if (connectedAt !== undefined && next > last) hasAll(monotonicUs());
    };
    const subscription = client.channel(channel).subscribe(
      {
        onEvent: ({ data }) => {
          const { seq } = data as { readonly seq: string };
          if (Number(seq) !== next) wrong++;
          next = Number(seq) + 1;
          look();
        },
        onGap: () => wrong++,
        onReset: () => wrong++,
        onError: (error) => fail(error),
      },
      { since: "now" },
    );
    await within(subscription.ready, "the first subscription");
    const cutAt = monotonicUs();
    all.catch(() => {});
    client.onState(({ state }) => {
      if (state === "connecting") attemptAt ??= monotonicUs();
      else if (state === "connected" && attemptAt !== undefined) connectedAt ??= monotonicUs();
      look();
    });
    opened.at(-1)?.terminate();
    for (let i = 0; i < missed; i++) {
      await producer.publish(nodes[0]?.url ?? "", published, cutAt);
      published += 1;
    }
    const hadAt = await within(all, "the reconnect");
    return {
      ms: (hadAt - cutAt) / 1_000,
      attemptMs: (hadAt - (attemptAt ?? cutAt)) / 1_000,
      wrong,
    };
  }
}

/**
 * Returns a WebSocket class that connects to the addresses in turn, as through a load balancer, and the sockets
 * it has opened.
 */
function inTurn(urls: readonly string[]) {
  const opened: WebSocket[] = [];
  class BalancedWebSocket extends WebSocket {
    constructor(url: string, protocols?: string[]) {
      const to = new URL(url);
      to.host = new URL(urls[opened.length % urls.length] ?? url).host;
      super(to, protocols);
      opened.push(this);
    }
  }
  return { opened, webSocket: BalancedWebSocket };
}

function within<Value>(promise: Promise<Value>, what: string): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`${what} took longer than ${timeoutMs} ms`));
    }, timeoutMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
