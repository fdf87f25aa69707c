import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { OperationState } from "@milepost/model";
import {
  endWithThisProcess,
  freePort,
  removeWithThisProcess,
  startRedis,
} from "@milepost/redis/testing";
import { createTokens } from "@milepost/server";
import { expect, test } from "vitest";
import { secrets, serveGateway } from "./fixtures/served.ts";

const job = fileURLToPath(new URL("fixtures/steered-job.mjs", import.meta.url));

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

/** Starts the job, whose output is read line by line. */
function startJob(url: string) {
  const child = spawn(process.execPath, [job], {
    env: { ...process.env, URL_OF_GATEWAY: url, API_KEY: secrets.apiKey },
    stdio: ["ignore", "pipe", "ignore"],
  });
  endWithThisProcess(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, line: async () => (await lines.next()).value as string | undefined };
}

test.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined)(
  "[P-STE-5] [P-STE-7] [P-STE-8] [P-CMD-8] with an open question and an untaken message, everything is killed; nothing is lost, taken twice or asked twice",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "milepost-steered-"));
    removeWithThisProcess(folder);
    const kept = ["--dir", folder, "--appendonly", "yes", "--appendfsync", "always"];
    const [port, otherPort, redisPort] = [await freePort(), await freePort(), await freePort()];
    let redis = await startRedis(kept, redisPort);
    const urlOf = (of: number) => `http://127.0.0.1:${of}`;
    const serve = (of: number) => serveGateway("--port", String(of), "--redis", redis.url);
    let gateway = await serve(port);
    let other = await serve(otherPort);
    const token = await createTokens(secrets.tokenSecret).mint({ user: "7", ttlMs: 600_000 });
    const call = async (path: string, body?: object, of = otherPort) => {
      const response = await fetch(`${urlOf(of)}/v1/operations/steered${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return (await response.json()) as Record<string, unknown>;
    };
    const state = async () => (await call("")).operation as OperationState;
    const until = async (is: (state: OperationState) => boolean) => {
      for (;;) {
        const found = await state();
        if (found !== undefined && is(found)) return found;
      }
    };
    const phases = ({ inputs = [] }: OperationState) =>
      inputs.map(({ data, phase }) => `${String(data)} ${phase}`);

    let work = startJob(urlOf(port));
    await until((found) => found?.accepts?.inputs === "queue");
    // Sent through the other node, twice under one key; the job is killed while it works on it.
    for (const of of [port, otherPort]) await call("/inputs", { data: "first", key: "m1" }, of);
    expect(await work.line()).toBe("first");
    await kill(work.child);
    await call("/inputs", { data: "ask" });
    // The gateway of the job is killed between the message and its taking.
    await gateway.end("SIGKILL");
    gateway = await serve(port);
    work = startJob(urlOf(port));
    expect(await work.line()).toBe("ask");
    await until(({ questions = [] }) => questions.some(({ status }) => status === "open"));
    await call("/inputs", { data: "stop" });
    // An open question and an untaken message outlive the job, both nodes and Redis.
    await kill(work.child);
    await Promise.all([kill(redis.process), gateway.end("SIGKILL"), other.end("SIGKILL")]);
    redis = await startRedis(kept, redisPort);
    [gateway, other] = [await serve(port), await serve(otherPort)];
    const found = await state();
    expect(phases(found)).toEqual(["first interrupted", "ask taken", "stop queued"]);
    expect(found.questions).toMatchObject([{ prompt: "Go on?", status: "open" }]);
    const twice = await Promise.all([
      call("/commands", { command: "pause" }, port),
      call("/commands", { command: "pause" }, otherPort),
    ]);
    expect(twice[0]).toEqual(twice[1]);
    work = startJob(urlOf(port));
    expect(await work.line()).toBe("stop");
    const done = await until(({ status }) => status === "done");
    expect(phases(done)).toEqual(["first interrupted", "ask interrupted", "stop done"]);
    expect(done.commands).toHaveLength(1);
    await gateway[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]?.();
  },
  60_000,
);
