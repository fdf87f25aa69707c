import { EventEmitter, once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { startRedis } from "@milepost/redis/testing";
import { afterEach, describe, expect, it } from "vitest";
import { loadConfig } from "../config/load-config.ts";
import { openSocket } from "../testing/test-socket.ts";
import { createLog } from "./log.ts";
import { type ProcessPort, type Serving, serve } from "./serve.ts";

/** A process that is told things by the test and remembers how it ended. */
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
  /** The first line, written already or yet to be, that matches. */
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
  it("[P-CLOSE-2] lets its clients go when it is told to stop, and exits with 0", async () => {
    const { process, serving } = await start();
    const token = await serving.gateway.mintToken({ user: "7" });
    const socket = await openSocket(`${serving.url.replace("http", "ws")}/ws`, { token });
    await socket.nextOf("welcome");
    process.emit("SIGTERM");
    expect(await socket.nextOf("notice")).toMatchObject({ code: "server_shutting_down" });
    expect((await fetch(`${serving.url}/readyz`)).status).toBe(503);
    expect(process.exits).toEqual([]);
    socket.ws.close();
    expect(await serving.stopped).toBe(0);
    expect(process.exits).toEqual([0]);
    expect(process.listenerCount("SIGTERM")).toBe(0);
    await expect(fetch(`${serving.url}/healthz`)).rejects.toThrow();
  });

  it("[P-CLOSE-2] closes with 4000 those that are still there after the drain", async () => {
    const { process, serving } = await start({ drainMs: 20 });
    const token = await serving.gateway.mintToken({ user: "7" });
    const socket = await openSocket(`${serving.url.replace("http", "ws")}/ws`, { token });
    await socket.nextOf("welcome");
    process.emit("SIGTERM");
    expect(await socket.closed).toMatchObject({ code: 4000 });
    expect(await serving.stopped).toBe(0);
  });

  it("says where it listens, and which node it is", async () => {
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
    "tells of an outage, and of what Redis is set to, in one line each",
    async () => {
      await using redis = await startRedis();
      const { lines, line, serving } = await start({ drainMs: 0, redis: redis.url });
      await line(/"warn".* has appendonly off/);
      await redis[Symbol.asyncDispose]();
      expect(await line(/the store is lost/)).toMatchObject({ level: "warn", store: "redis" });
      await using _again = await startRedis([], redis.port);
      expect(await line(/the store is back/)).toMatchObject({ level: "info", store: "redis" });
      await serving.gateway.close();
      expect(lines.filter((text) => text.includes('"stack"'))).toEqual([]);
      expect(lines).toHaveLength(4);
    },
  );

  it("exits at once when it is told a second time", async () => {
    const { process, serving } = await start();
    const token = await serving.gateway.mintToken({ user: "7" });
    const socket = await openSocket(`${serving.url.replace("http", "ws")}/ws`, { token });
    process.emit("SIGINT");
    process.emit("SIGINT");
    expect(await serving.stopped).toBe(1);
    expect(process.exits).toEqual([1]);
    socket.terminate();
  });

  it("goes on where SIGHUP comes, and says that new settings need a restart", async () => {
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

  it("leaves SIGHUP to its supervisor where it is a worker", async () => {
    const { process, lines } = await start({ drainMs: 20, isWorker: true });
    const count = lines.length;
    process.emit("SIGHUP", "SIGHUP");
    expect(lines).toHaveLength(count);
  });

  it("puts its pid in each line where it is a worker", async () => {
    const { process, serving, lines } = await start({ drainMs: 20, isWorker: true });
    process.emit("message", "stop");
    expect(await serving.stopped).toBe(0);
    expect(lines.length).toBeGreaterThan(2);
    for (const line of lines)
      expect(JSON.parse(line)).toMatchObject({ pid: globalThis.process.pid });
  });

  it.each(["uncaughtException", "unhandledRejection"])(
    "logs an %s and exits with 1",
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

  it("says in one line when its port is taken, and does not start", async () => {
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
