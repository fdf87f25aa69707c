import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "@milepost/client";
import type { OperationState } from "@milepost/model";
import {
  endWithThisProcess,
  freePort,
  removeWithThisProcess,
  startRedis,
} from "@milepost/redis/testing";
import { createTokens } from "@milepost/server";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { secrets, serveGateway } from "./fixtures/served.ts";

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const operationId = "sky";

/** True where there is a Python on which the example runs. */
const hasPython = (() => {
  try {
    const check = "import sys; sys.exit(sys.version_info < (3, 11))";
    execFileSync("python3", ["-c", check], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

test.skipIf(!hasPython || process.env.MILEPOST_REDIS_SERVER === undefined)(
  "[G9] [P-QST-3] [P-PY-8] agents in Python ask a person, everything is killed meanwhile, and the question is still there and answered once",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "milepost-agents-"));
    removeWithThisProcess(folder);
    const kept = ["--dir", folder, "--appendonly", "yes", "--appendfsync", "always"];
    const [port, redisPort] = [await freePort(), await freePort()];
    const url = `http://127.0.0.1:${port}`;
    let redis = await startRedis(kept, redisPort);

    const serve = () => serveGateway("--port", String(port), "--redis", redis.url);
    const work = () => {
      const args = ["Why?", "--url", url, "--user", "7", "--run", operationId];
      const python = spawn(
        "python3",
        [at("examples/agents-python/agents.py"), ...args, "--lease", "2", "--pace", "0.005"],
        {
          env: {
            ...process.env,
            PYTHONPATH: at("python/src"),
            MILEPOST_API_KEY: secrets.apiKey,
          },
          stdio: "ignore",
        },
      );
      endWithThisProcess(python);
      return python;
    };

    let gateway = await serve();
    const token = await createTokens(secrets.tokenSecret).mint({ user: "7", ttlMs: 600_000 });
    await using person = createClient({
      url: `${url.replace("http", "ws")}/ws`,
      token,
      webSocket: WebSocket,
    });
    const operation = person.operation(operationId);
    const until = (is: (state: OperationState) => boolean) =>
      new Promise<OperationState>((resolve) => {
        const look = () => {
          const { state } = operation;
          if (state === undefined || !is(state)) return;
          queueMicrotask(() => stop());
          resolve(state);
        };
        const stop = operation.subscribe(look);
        queueMicrotask(look);
      });
    let agents = work();
    const asked = await until(
      ({ questions }) => questions?.some(({ status }) => status === "open") === true,
    );
    const question = asked.questions?.at(-1)?.id ?? "";
    await kill(agents);
    await until(({ status }) => status === "stalled");
    await Promise.all([kill(redis.process), gateway.end("SIGKILL")]);
    redis = await startRedis(kept, redisPort);
    gateway = await serve();
    const answer = () =>
      fetch(`${url}/v1/operations/${operationId}/questions/${question}/answer`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ answer: true }),
      });
    expect((await answer()).status).toBe(200);
    agents = work();
    const [code] = (await once(agents, "exit")) as [number];
    expect(code).toBe(0);
    const done = await until(({ status }) => status === "done");
    expect(done.questions?.map(({ id, answer: given }) => [id, given])).toEqual([[question, true]]);
    await gateway[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
  },
);
