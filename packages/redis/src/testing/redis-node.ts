import { randomBytes } from "node:crypto";
import { type Core, createCore, type Rule } from "@milepost/core";
import { TestSocket, testEncoder } from "@milepost/core/testing";
import type { Clock, Random } from "@milepost/engine";
import { startTimer } from "@milepost/protocol";
import { connectRedis, redisEngine } from "../index.ts";

/** Clock that runs in real time. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (delayMs, callback) =>
    startTimer(delayMs, callback, (partMs, next) => {
      const timer = setTimeout(next, partMs);
      return () => clearTimeout(timer);
    }),
  soon: (callback) => {
    const immediate = setImmediate(callback);
    return () => clearImmediate(immediate);
  },
};

/** Randomness that cannot be repeated. */
export const realRandom: Random = {
  fraction: () => Math.random(),
  id: (length) => randomBytes(length).toString("base64url").slice(0, length),
};

/** Gateway core on a real Redis, in real time. Disposing it shuts it down. */
export interface RedisNode extends AsyncDisposable {
  readonly core: Core;
  /** Publishes to a channel as a backend; resolves with the position of the entry. */
  publish(channel: string, data: unknown): Promise<string>;
  /** Subscribes a client to one channel with the SDK's messages, and returns its socket. */
  read(channel: string, since?: string): TestSocket;
  /** Subscribes a client to one channel as the durable subscriber `name`, and returns its socket. */
  readDurably(channel: string, name: string): TestSocket;
}

/** Starts a node on the Redis at `url`. */
export async function startNode(url: string, rules: readonly Rule[]): Promise<RedisNode> {
  const encoder = testEncoder("milepost.v1.json");
  const core = createCore({
    engine: redisEngine(await connectRedis({ url })),
    clock: realClock,
    random: realRandom,
    node: realRandom.id(6),
    rules,
    verifyToken: () => Promise.reject(new Error("these tests use no tokens")),
    log: { info: () => {}, warn: () => {}, error: () => {} },
  });
  const service = { kind: "service", name: "backend" } as const;
  const principal = {
    kind: "user",
    session: undefined,
    grants: { subscribe: [], publish: [] },
    expiresAt: undefined,
  } as const;
  const subscribe = (channel: string, rest: object, user?: string) => {
    const socket = new TestSocket(encoder);
    socket.attach(core.connect(socket, { principal: { ...principal, user } }));
    socket.send({ type: "subscribe", id: 1, channel, ...rest });
    return socket;
  };
  return {
    core,
    publish: async (channel, data) =>
      (await core.channels.publish(service, channel, "n", data)).position,
    // Readers are different people, who share neither the limits nor the turns of one user.
    read: (channel, since) => subscribe(channel, since === undefined ? {} : { since }),
    readDurably: (channel, name) => subscribe(channel, { as: name }, "ada"),
    [Symbol.asyncDispose]: () => core.shutdown(0),
  };
}
