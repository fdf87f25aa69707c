import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { OperationState } from "@milepost/model";
import { freePort, removeWithThisProcess, startRedis } from "@milepost/redis/testing";
import { createTokens } from "@milepost/server";
import { expect, test } from "vitest";
import { secrets, serveGateway } from "./fixtures/served.ts";

/** Time between two tries of a call that the gateway could not answer, in milliseconds. */
const retryMs = 50;
/**
 * Messages between Redis and the gateway from one kill to the next. Odd, so that it dies after requests and after answers. All
 * moments take minutes: EVERY_MOMENT=1.
 */
const stride = process.env.EVERY_MOMENT === undefined ? 3 : 1;

/**
 * Relay between the gateway and Redis that counts what passes, requests and answers alike. At the armed number it passes
 * nothing more, and calls `kill` before it breaks the connections.
 */
async function startRelay(port: number, kill: () => Promise<void>) {
  const sockets = new Set<Socket>();
  let left = Number.POSITIVE_INFINITY;
  let isDead = false;
  let die = () => {};
  let death = Promise.resolve();
  const pass = (to: Socket) => (bytes: Buffer) => {
    if (isDead) return;
    if (left-- > 0) {
      to.write(bytes);
      return;
    }
    isDead = true;
    void kill().then(() => {
      for (const socket of sockets) socket.destroy();
      die();
    });
  };
  const server = createServer((near) => {
    if (isDead) {
      near.destroy();
      return;
    }
    const far = connect(port, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.on("data", pass(far));
    far.on("data", pass(near));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    /** Lets this many more messages pass. */
    arm: (count: number) => {
      left = count;
      death = new Promise((resolve) => {
        die = resolve;
      });
    },
    /** True if Redis has been killed since it was armed. */
    get isDead() {
      return isDead;
    },
    /** Resolves when Redis is dead and nothing is connected. */
    get death() {
      return death;
    },
    revive: () => {
      left = Number.POSITIVE_INFINITY;
      isDead = false;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

test.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined)(
  "[P-BUD-4] a budget that passes asks once, pauses once and is raised once, whenever Redis is killed between the steps",
  { timeout: 240_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "milepost-budget-"));
    removeWithThisProcess(folder);
    const kept = ["--dir", folder, "--appendonly", "yes", "--appendfsync", "always"];
    const redisPort = await freePort();
    let redis = await startRedis(kept, redisPort);
    await using relay = await startRelay(redisPort, async () => {
      const ended = once(redis.process, "exit");
      redis.process.kill("SIGKILL");
      await ended;
    });
    const url = redis.url.replace(`:${redisPort}`, `:${relay.port}`);
    await using gateway = await serveGateway("--redis", url);
    const token = await createTokens(secrets.tokenSecret).mint({ user: "7", ttlMs: 3_600_000 });
    /** Calls as a producer or a person does: again and again, with the same keys, until there is an answer. */
    const call = async (path: string, body?: object, as: string = secrets.apiKey) => {
      for (;;) {
        const response = await fetch(`${gateway.url}/v1${path}`, {
          method: body === undefined ? "GET" : "POST",
          headers: { authorization: `Bearer ${as}`, "content-type": "application/json" },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const answer = (await response.json()) as Record<string, never>;
        const results = (answer.results ?? []) as readonly { error?: { retryable: boolean } }[];
        const isAgain = results.some(({ error }) => error?.retryable === true);
        if (response.status < 500 && !isAgain) return answer;
        await pause(retryMs);
      }
    };
    const stateOf = async (id: string) =>
      (await call(`/operations/${id}`)).operation as unknown as OperationState;
    const untilState = async (id: string, is: (state: OperationState) => boolean) => {
      while (!is(await stateOf(id))) await pause(retryMs);
    };
    const questionsOf = async (id: string) =>
      (await call(`/operations/${id}/questions`)).questions as unknown as {
        status: string;
        id: string;
      }[];

    let isOver = false;
    let kills = 0;
    for (let passing = 1; !isOver; passing += stride) {
      const id = `budget-${passing}`;
      const { lease } = (await call("/operations", {
        kind: "k",
        operation_id: id,
        user_id: "7",
        lease_ms: 3_600_000,
        budget: { counter: "tokens", limit: "100" },
      })) as unknown as { lease: { token: string } };
      const report = (...events: readonly (readonly [string, object, string])[]) =>
        call(`/operations/${id}/events`, {
          lease: lease.token,
          events: events.map(([event, data, key]) => ({ event, data, key })),
        });
      await report(["started", {}, "s"]);
      relay.arm(passing);
      const spent = report(["count", { name: "tokens", add: "101" }, "c"]);
      // Either Redis dies, or all steps have been done before so many messages passed.
      isOver = await Promise.race([
        relay.death.then(() => false),
        untilState(id, ({ commands }) => commands.length > 0).then(() => !relay.isDead),
      ]);
      if (!isOver) {
        await relay.death;
        redis = await startRedis(kept, redisPort);
      }
      relay.revive();
      await spent;
      await untilState(
        id,
        ({ budget, commands }) => budget?.question_id !== undefined && commands.length > 0,
      );
      const [question, ...more] = await questionsOf(id);
      expect(more).toEqual([]);
      expect(question?.status).toBe("open");
      const [{ id: command_id = "" } = {}] = (await stateOf(id)).commands;
      await report(
        ["command", { command_id, command: "pause", phase: "acknowledged" }, "a"],
        ["paused", {}, "p"],
        ["command", { command_id, command: "pause", phase: "done" }, "d"],
      );
      await call(`/operations/${id}/questions/${question?.id}/answer`, { answer: "raise" }, token);
      await untilState(id, ({ commands }) => commands.some(({ command }) => command === "resume"));
      const { entries } = await call(`/channels/operation:${id}/history?since=start&limit=100`);
      const said = (
        entries as unknown as { event: string; data: Record<string, string> }[]
      ).flatMap(({ event, data }) =>
        event === "budget" ||
        event === "question" ||
        (event === "command" && data.phase === "requested")
          ? [`${event} ${data.phase ?? data.status} ${data.command ?? ""}`]
          : [],
      );
      expect(said, `after ${passing} messages`).toEqual([
        "question asked ",
        "budget passed ",
        "command requested pause",
        "question answered ",
        "budget extended ",
        "command requested resume",
      ]);
      kills += isOver ? 0 : 1;
    }
    // There are at least the question, its event, the event of the budget and the command, each asked for and answered.
    expect(kills * stride).toBeGreaterThan(7);
    await redis[Symbol.asyncDispose]();
  },
);
