import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { endWithThisProcess, startRedis } from "@milepost/redis/testing";
import { createTokens } from "@milepost/server";
import { io, type Socket } from "socket.io-client";
import { expect, test } from "vitest";
import { type CuttableProxy, startCuttableProxy } from "./fixtures/cuttable-proxy.ts";
import { secrets } from "./fixtures/served.ts";

const program = fileURLToPath(new URL("./fixtures/socketio-node.mjs", import.meta.url));

/** A process with a gateway and its bridge. */
interface BridgedNode extends AsyncDisposable {
  readonly port: number;
  end(signal: NodeJS.Signals): Promise<void>;
}

async function startNode(redis: string): Promise<BridgedNode> {
  const child = spawn(process.execPath, [program], {
    env: {
      ...process.env,
      REDIS_URL: redis,
      TOKEN_SECRET: secrets.tokenSecret,
      API_KEY: secrets.apiKey,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  endWithThisProcess(child);
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  };
  return {
    port: Number(/\d+/.exec(line.toString())?.[0]),
    end,
    [Symbol.asyncDispose]: () => end("SIGKILL"),
  };
}

async function publish(node: BridgedNode, channel: string, event: string, data: unknown) {
  const answer = await fetch(`http://127.0.0.1:${node.port}/v1/publish`, {
    method: "POST",
    headers: { Authorization: `Bearer ${secrets.apiKey}`, "Content-Type": "application/json" },
    body: JSON.stringify({ channel, event, data }),
  });
  expect(answer.status).toBe(200);
}

/** A page with the client options of the design. */
function openPage(balancer: CuttableProxy, options: object): Socket {
  return io(balancer.url, {
    forceNew: true,
    reconnection: true,
    reconnectionAttempts: 5,
    reconnectionDelay: 1_000,
    transports: ["websocket", "polling"],
    ...options,
  });
}

const ways = [
  ["WebSocket", { transports: ["websocket", "polling"] }],
  ["polling alone", { transports: ["polling"] }],
  ["polling that is upgraded", { transports: ["polling", "websocket"] }],
] as const;

test("[G8] pages of socket.io-client, with a token and as guests, recover at another node over Redis after a kill -9 amid a stream of events: nothing is lost or comes twice", async () => {
  await using redis = await startRedis();
  await using first = await startNode(redis.url);
  await using second = await startNode(redis.url);
  let target = first.port;
  await using balancer = await startCuttableProxy(() => target);
  const token = await createTokens(secrets.tokenSecret).mint({ user: "7" });
  const opened = await Promise.all([
    ...ways.map(([way, options]) =>
      open(way, openPage(balancer, { ...options, auth: { token } }), "7"),
    ),
    open("a guest", openPage(balancer, {}), "user_17_abcdefgh"),
  ]);
  const total = 300;
  for (let n = 1; n <= total; n++) {
    for (const channel of ["user:7", "guest:user_17_abcdefgh"])
      await publish(second, channel, "sync:progress", { percent: 0, stage: "syncing", n });
    if (n !== 100) continue;
    target = second.port;
    await first.end("SIGKILL");
  }
  const sent = Array.from({ length: total }, (_, at) => at + 1);
  for (const { way, page, seen, recoveries } of opened) {
    await expect.poll(() => seen.at(-1), { timeout: 20_000 }).toBe(total);
    expect([way, seen]).toEqual([way, sent]);
    expect([way, recoveries]).toEqual([way, [true]]);
    page.disconnect();
  }
});

test("[P-CLOSE-2] pages of a node that shuts down are notified and recover at another node, and an event between the nodes is not lost", async () => {
  await using redis = await startRedis();
  await using first = await startNode(redis.url);
  await using second = await startNode(redis.url);
  let target = first.port;
  await using balancer = await startCuttableProxy(() => target);
  const token = await createTokens(secrets.tokenSecret).mint({ user: "7" });
  const { page, seen, recoveries } = await open(
    "WebSocket",
    openPage(balancer, { auth: { token } }),
    "7",
  );
  const notified = new Promise((resolve) => page.on("notification", resolve));
  target = second.port;
  const ended = first.end("SIGTERM");
  expect(await notified).toMatchObject({ type: "info" });
  await ended;
  await publish(second, "user:7", "sync:progress", { percent: 0, stage: "syncing", n: 1 });
  await expect.poll(() => seen, { timeout: 20_000 }).toEqual([1]);
  expect(recoveries).toEqual([true]);
  page.disconnect();
});

/** Joins, and keeps what the page gets and whether its reconnects were recoveries. */
async function open(way: string, page: Socket, userId: string) {
  const seen: number[] = [];
  const recoveries: boolean[] = [];
  page.on("sync:progress", ({ n }: { n: number }) => seen.push(n));
  await new Promise<void>((resolve) => page.once("connect", () => resolve()));
  page.on("connect", () => {
    recoveries.push(page.recovered);
    page.emit("client:join", { userId });
  });
  expect(await page.emitWithAck("client:join", { userId })).toMatchObject({ ok: true });
  return { way, page, seen, recoveries };
}
