import { EventEmitter, once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { startRedis } from "@milepost/redis/testing";
import { afterEach, describe, expect, it } from "vitest";
import { loadConfig } from "../config/load-config.ts";
import { openSocket } from "../testing/test-socket.ts";
import { createLog } from "./log.ts";
import { type ProcessPort, type Serving, serve } from "./serve.ts";

/** Stand-in for the process. The test emits signals on it, and it records the exit codes. */
class TestProcess extends EventEmitter {
  readonly exits: number[] = [];

  exit(code: number): void {
    this.exits.push(code);
  }
}

const running: Serving[] = [];

afterEach(async () => {
  for (const { gateway } of running.splice(0)) await gateway.close();
});

async function start({ drainMs = 60_000, redis = "", isWorker = false } = {}) {
  const process = new TestProcess();
  const lines: string[] = [];
  const written = new EventEmitter();
  const write = (text: string) => {
    lines.push(text);
    written.emit("line");
  };
  /** Resolves with the first log line that matches, whether already written or still to come. */
  const line = async (pattern: RegExp): Promise<Record<string, unknown>> => {
    for (;;) {
      const found = lines.find((text) => pattern.test(text));
      if (found !== undefined) return JSON.parse(found);
      await once(written, "line");
    }
  };
  const config = loadConfig({
    flags: { dev: true, port: 0, drainMs, ...(redis !== "" && { redis }) },
    env: {},
  });
  const serving = await serve(config, {
    process: process as unknown as ProcessPort,
    isWorker,
    log: createLog({ readable: false, destination: { write } }),
  });
  running.push(serving);
  return { process, lines, line, serving, config };
}

describe("a gateway that runs as a process", () => {
  it("[P-CLOSE-2] SIGTERM gives clients time to disconnect, and the process then exits with 0", async () => {
    const { process, serving } = await start();
    const token = await serving.gateway.mintToken({ user: "7" });
    const socket = await openSocket(`${serving.url.replace("http", "ws")}/ws`, { token });
    await socket.nextOf("welcome");
    process.emit("SIGTERM");
    expect(await socket.nextOf("notice")).toMatchObject({ code: "server_shutting_down" });
    expect((await fetch(`${serving.url}/readyz`)).status).toBe(503);
    const health = await fetch(`${serving.url}/ws/health`);
    expect([health.status, await health.json()]).toMatchObject([503, { status: "draining" }]);
    expect(process.exits).toEqual([]);
    socket.ws.close();
    expect(await serving.stopped).toBe(0);
    expect(process.exits).toEqual([0]);
    expect(process.listenerCount("SIGTERM")).toBe(0);
    await expect(fetch(`${serving.url}/healthz`)).rejects.toThrow();
  });

  it("[P-CLOSE-2] connections that remain after the drain are closed with 4000", async () => {
    const { process, serving } = await start({ drainMs: 20 });
    const token = await serving.gateway.mintToken({ user: "7" });
    const socket = await openSocket(`${serving.url.replace("http", "ws")}/ws`, { token });
    await socket.nextOf("welcome");
    process.emit("SIGTERM");
    expect(await socket.closed).toMatchObject({ code: 4000 });
    expect(await serving.stopped).toBe(0);
  });

  it("the process logs its URL and its node name", async () => {
    const { lines, serving } = await start();
    const socket = await openSocket(`${serving.url.replace("http", "ws")}/ws`, {
      token: await serving.gateway.mintToken({ user: "7" }),
    });
    const { node } = await socket.nextOf("welcome");
    socket.terminate();
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { msg: "the gateway listens", url: serving.url, node },
    ]);
    expect(node).toMatch(/^node-/);
  });

  it.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined)(
    "the process logs an outage of Redis, its end, and a weak Redis setting in one line each",
    async () => {
      await using redis = await startRedis();
      const { lines, line, serving } = await start({ drainMs: 0, redis: redis.url });
      await line(/"warn".* has appendonly off/);
      await redis[Symbol.asyncDispose]();
      expect(await line(/the store is unreachable/)).toMatchObject({
        level: "warn",
        store: "redis",
      });
      await using _again = await startRedis([], redis.port);
      expect(await line(/the store is reachable again/)).toMatchObject({
        level: "info",
        store: "redis",
      });
      await serving.gateway.close();
      expect(lines.filter((text) => text.includes('"stack"'))).toEqual([]);
      expect(lines).toHaveLength(4);
    },
  );

  it("a second stop signal exits the process at once with 1", async () => {
    const { process, serving } = await start();
    const token = await serving.gateway.mintToken({ user: "7" });
    const socket = await openSocket(`${serving.url.replace("http", "ws")}/ws`, { token });
    process.emit("SIGINT");
    process.emit("SIGINT");
    expect(await serving.stopped).toBe(1);
    expect(process.exits).toEqual([1]);
    socket.terminate();
  });

  it("SIGHUP leaves a single process running and logs that new settings need a restart", async () => {
    const { process, serving, lines } = await start();
    process.emit("SIGHUP", "SIGHUP");
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({
      level: "warn",
      msg: expect.stringContaining("restart"),
    });
    expect((await fetch(`${serving.url}/readyz`)).status).toBe(200);
    process.emit("SIGTERM");
    expect(await serving.stopped).toBe(0);
    expect(process.listenerCount("SIGHUP")).toBe(0);
  });

  it("a worker ignores SIGHUP, which its supervisor handles", async () => {
    const { process, lines } = await start({ drainMs: 20, isWorker: true });
    const count = lines.length;
    process.emit("SIGHUP", "SIGHUP");
    expect(lines).toHaveLength(count);
  });

  it("a worker logs its pid with every line", async () => {
    const { process, serving, lines } = await start({ drainMs: 20, isWorker: true });
    process.emit("message", "stop");
    expect(await serving.stopped).toBe(0);
    expect(lines.length).toBeGreaterThan(2);
    for (const line of lines)
      expect(JSON.parse(line)).toMatchObject({ pid: globalThis.process.pid });
  });

  it.each(["uncaughtException", "unhandledRejection"])(
    "the process logs an %s and exits with 1",
    async (fault) => {
      const { process, serving, lines } = await start();
      process.emit(fault, new Error("what nobody thought of\nsecond line"));
      expect(await serving.stopped).toBe(1);
      const fatal = lines.filter((line) => line.includes('"level":"fatal"'));
      expect(fatal).toHaveLength(1);
      expect(JSON.parse(fatal[0] ?? "")).toMatchObject({
        err: { message: expect.stringContaining("what nobody thought of") },
      });
    },
  );

  it("the process does not start when its port is taken, and says so in one line", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const config = loadConfig({ flags: { dev: true, port, logLevel: "silent" }, env: {} });
    const process = new TestProcess();
    await expect(serve(config, { process: process as unknown as ProcessPort })).rejects.toThrow(
      new RegExp(`^port ${port} on 127.0.0.1 is in use; .*another port$`),
    );
    expect(process.eventNames()).toEqual([]);
    taken.close();
  });
});
