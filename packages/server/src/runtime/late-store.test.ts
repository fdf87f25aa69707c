import { EventEmitter, once } from "node:events";
import { freePort, startProxy, startRedis } from "@milepost/redis/testing";
import { afterEach, it as anyIt, describe, expect } from "vitest";
import { loadConfig } from "../config/load-config.ts";
import { openSocket } from "../testing/test-socket.ts";
import { createLog } from "./log.ts";
import { type ProcessPort, type Serving, serve } from "./serve.ts";

const it = anyIt.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined);
const apiKey = "key-of-a-backend-in-a-test";
const tokenSecret = "a-secret-of-at-least-32-bytes-for-a-test";

class TestProcess extends EventEmitter {
  exit(): void {}
}

const running: Serving[] = [];

afterEach(async () => {
  for (const { gateway } of running.splice(0)) await gateway.close();
});

async function start(redis: string, flags: { readonly requireStore?: true } = {}) {
  const lines: Record<string, unknown>[] = [];
  const written = new EventEmitter();
  const write = (text: string) => {
    lines.push(JSON.parse(text));
    written.emit("line");
  };
  /** Resolves with the first log line whose message matches, written already or still to come. */
  const line = async (pattern: RegExp): Promise<Record<string, unknown>> => {
    for (;;) {
      const found = lines.find(({ msg }) => pattern.test(String(msg)));
      if (found !== undefined) return found;
      await once(written, "line");
    }
  };
  const serving = await serve(
    loadConfig({
      flags: { port: 0, redis, ...flags },
      env: { MILEPOST_TOKEN_SECRET: tokenSecret, MILEPOST_API_KEY: apiKey },
    }),
    {
      process: new TestProcess() as unknown as ProcessPort,
      log: createLog({ readable: false, destination: { write } }),
    },
  );
  running.push(serving);
  const { url } = serving;
  return { lines, line, serving, url, ws: `${url.replace("http", "ws")}/ws` };
}

async function statuses(url: string, headers: Record<string, string> = {}) {
  const paths = ["/livez", "/ws/health", "/readyz"];
  const answers = await Promise.all(paths.map((path) => fetch(`${url}${path}`, { headers })));
  return answers.map(({ status }) => status);
}

async function healthOf(url: string): Promise<Record<string, unknown>> {
  return (await fetch(`${url}/ws/health`)).json() as Promise<Record<string, unknown>>;
}

/** Asks for the health of the node until it is `status`. */
async function untilHealth(url: string, status: string): Promise<void> {
  while ((await healthOf(url)).status !== status) await new Promise(setImmediate);
}

const absent = /cannot be reached: this node is unhealthy/;

describe("a node that starts without its Redis", () => {
  it("[P-JOIN-1] it is alive and unhealthy, says why, and serves nobody at any door until Redis comes", async () => {
    const port = await freePort();
    const node = await start(`redis://127.0.0.1:${port}`);
    expect(await node.line(absent)).toMatchObject({
      level: "warn",
      store: "redis",
      reason: expect.stringContaining("ECONNREFUSED"),
    });
    expect(await statuses(node.url)).toEqual([200, 503, 503]);
    expect(await healthOf(node.url)).toMatchObject({
      status: "unhealthy",
      redis: { connected: false, pubsub_connected: false },
    });
    const token = await node.serving.gateway.mintToken({ user: "7" });
    for (const credential of [token, undefined]) {
      const socket = await openSocket(node.ws, credential === undefined ? {} : { token });
      expect(await socket.closed).toMatchObject({ code: 1013 });
    }
    const authorization = { Authorization: `Bearer ${apiKey}` };
    const service = await openSocket(node.ws, { headers: authorization });
    expect(await service.closed).toMatchObject({ code: 1013 });
    for (const credential of [token, apiKey]) {
      for (const path of ["sse", "poll"]) {
        const answer = await fetch(`${node.url}/v1/${path}?channels=broadcast`, {
          headers: { Authorization: `Bearer ${credential}` },
        });
        expect(answer.status).toBe(503);
        expect(await answer.json()).toMatchObject({ code: "store_unavailable", retryable: true });
      }
    }
    await using _redis = await startRedis([], port);
    await untilHealth(node.url, "healthy");
    expect(await node.line(/this node has joined its store/)).toMatchObject({ level: "info" });
    expect(await node.line(/has appendonly off/)).toMatchObject({ level: "warn" });
    expect(await statuses(node.url)).toEqual([200, 200, 200]);
    const socket = await openSocket(node.ws, { token });
    await socket.nextOf("welcome");
    socket.send({ type: "subscribe", id: 1, channel: "broadcast" });
    await socket.nextOf("reply");
    await node.serving.gateway.publish("broadcast", "news", 1);
    expect(await socket.nextOf("news")).toMatchObject({ data: 1 });
    socket.ws.close();
  });

  it("[P-JOIN-1] [G10] what was revoked while the node could not know it holds from the node's first socket on", async () => {
    await using redis = await startRedis();
    const first = await start(redis.url);
    const token = await first.serving.gateway.mintToken({ user: "7" });
    const port = await freePort();
    const late = await start(redis.url.replace(String(redis.port), String(port)));
    await late.line(absent);
    const revoked = await fetch(`${first.url}/v1/revoke`, {
      method: "POST",
      headers: { Authorization: `Bearer ${apiKey}`, "Content-Type": "application/json" },
      body: JSON.stringify({ user: "7" }),
    });
    expect(revoked.ok).toBe(true);
    expect(await (await openSocket(late.ws, { token })).closed).toMatchObject({ code: 1013 });
    await using _way = await startProxy(redis.port, port);
    await untilHealth(late.url, "healthy");
    expect(await (await openSocket(late.ws, { token })).closed).toMatchObject({ code: 4102 });
  });

  it("[P-JOIN-2] a Redis that comes and refuses the node ends its process in one line", async () => {
    const port = await freePort();
    const node = await start(`redis://:wrong-word@127.0.0.1:${port}`);
    await node.line(absent);
    await using _redis = await startRedis(["--requirepass", "right"], port);
    expect(await node.serving.stopped).toBe(1);
    const fatal = node.lines.filter(({ level }) => level === "fatal");
    expect(fatal).toMatchObject([
      {
        msg: expect.stringMatching(/^the store refuses this node: Redis at .*(WRONGPASS|invalid)/),
      },
    ]);
    expect(JSON.stringify(node.lines)).not.toContain("wrong-word");
  });

  it("[P-JOIN-2] a wrong password ends the start in one line, and with requireStore an absent Redis does too", async () => {
    await using redis = await startRedis(["--requirepass", "right"]);
    const wrong = redis.adminUrl.replace("redis://", "redis://:wrong-word@");
    await expect(start(wrong)).rejects.toThrow(/^Redis at [^\n]*(WRONGPASS|invalid)[^\n]*$/);
    const nowhere = `redis://127.0.0.1:${await freePort()}`;
    await expect(start(nowhere, { requireStore: true })).rejects.toThrow(
      /^Redis at [^\n]*ECONNREFUSED[^\n]*$/,
    );
  });
});
