import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { OperationState } from "@milepost/model";
import { endWithThisProcess } from "@milepost/redis/testing";
import { createTokens } from "@milepost/server";
import { expect, test } from "vitest";
import { secrets, serveGateway } from "./fixtures/served.ts";

const job = fileURLToPath(new URL("fixtures/asking-job.mjs", import.meta.url));

/** Starts the job, whose first line is the answer that it got. */
function startJob(url: string) {
  const child = spawn(process.execPath, [job], {
    env: { ...process.env, URL_OF_GATEWAY: url, API_KEY: secrets.apiKey },
    stdio: ["ignore", "pipe", "ignore"],
  });
  endWithThisProcess(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, line: async () => (await lines.next()).value as string | undefined };
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

test.each(["while the producer is dead", "after it has started again"])(
  "[P-QST-3] a Node producer that was killed while it asked gets the answer that was given %s, and asks once",
  async (when) => {
    await using gateway = await serveGateway("--memory");
    const token = await createTokens(secrets.tokenSecret).mint({ user: "7", ttlMs: 600_000 });
    const call = async (path: string, body?: object) => {
      const response = await fetch(`${gateway.url}/v1/operations/asking${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return (await response.json()) as Record<string, unknown>;
    };
    const until = async (is: (state: OperationState) => boolean): Promise<OperationState> => {
      for (;;) {
        const { operation } = await call("");
        if (operation !== undefined && is(operation as OperationState))
          return operation as OperationState;
        await pause(50);
      }
    };
    const first = startJob(gateway.url);
    const { questions, offset } = await until(
      (state) => state.questions?.some(({ status }) => status === "open") === true,
    );
    const answer = () => call(`/questions/${questions?.[0]?.id}/answer`, { answer: true });
    await kill(first.child);
    if (when === "while the producer is dead") await answer();
    const second = startJob(gateway.url);
    if (when !== "while the producer is dead") {
      // The new process has taken the operation over, and said so in its log.
      await until((state) => state.offset > offset);
      await answer();
    }
    expect(await second.line()).toBe("true");
    const done = await until(({ status }) => status === "done");
    expect(done.questions?.map(({ status, answer: given }) => [status, given])).toEqual([
      ["answered", true],
    ]);
  },
);
