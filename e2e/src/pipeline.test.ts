import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { endWithThisProcess, freePort } from "@milepost/redis/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { chromiumPath, startBrowser } from "./fixtures/browser.ts";

const program = fileURLToPath(new URL("../../examples/pipeline/dist/main.js", import.meta.url));

/** Summary of an operation, as far as these tests read it. */
interface Summary {
  readonly operation_id: string;
  readonly title: string;
  readonly parent?: string;
  readonly status: string;
  readonly attempt: number;
  readonly percent: number;
  readonly updated_at: number;
}

let example: ChildProcess;
let url = "";
const pids = new Map<string, number>();

beforeAll(async () => {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  example = spawn(process.execPath, [program, "--port", String(port)], {
    env: { ...process.env, PACE_MS: "120", LOCK_MS: "1000", WORKERS: "2" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  endWithThisProcess(example);
  await new Promise<void>((resolve) => {
    example.stdout?.on("data", (chunk) => {
      for (const [, name = "", pid] of String(chunk).matchAll(/^([a-z]+(?:-\d)?) (\d+)$/gm)) {
        pids.set(name, Number(pid));
      }
      if (String(chunk).includes(url)) resolve();
    });
  });
});

afterAll(async () => {
  const ended = once(example, "exit");
  example.kill("SIGTERM");
  await ended;
});

function kill(name: string): void {
  const pid = pids.get(name);
  if (pid === undefined) throw new Error(`there is no process ${name}`);
  process.kill(pid, "SIGKILL");
}

/** Follows the operations of a person with a bare WebSocket that reconnects, until it is closed. */
function follow({ user, token }: { readonly user: string; readonly token: string }) {
  const latest = new Map<string, Summary>();
  const waits = new Set<() => void>();
  let socket: WebSocket;
  let isClosed = false;
  const take = (summary: Summary) => {
    const known = latest.get(summary.operation_id);
    if (known === undefined || known.updated_at <= summary.updated_at) {
      latest.set(summary.operation_id, summary);
    }
  };
  const connect = () => {
    socket = new WebSocket(`${url.replace("http", "ws")}/ws?channels=user:${user}`, [
      `milepost.token.${token}`,
    ]);
    socket.on("message", (data) => {
      const message = JSON.parse(String(data));
      if (message.type === "operation") take(message.data);
      const operations = message.snapshot?.state?.operations ?? message.data?.operations ?? {};
      for (const summary of Object.values(operations)) take(summary as Summary);
      for (const wake of waits) wake();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      if (!isClosed) setTimeout(connect, 50);
    });
  };
  connect();
  return {
    latest,
    /** Resolves once it holds of what has been seen; rejects after a while with what is seen instead. */
    until: (what: string, holds: (latest: readonly Summary[]) => boolean) =>
      new Promise<void>((resolve, reject) => {
        const look = () => {
          if (!holds([...latest.values()])) return;
          waits.delete(look);
          clearTimeout(timer);
          resolve();
        };
        const timer = setTimeout(() => {
          waits.delete(look);
          const seen = [...latest.values()].map(
            ({ title, status, attempt }) => `${title} ${status} ${attempt}`,
          );
          reject(new Error(`${what} was not seen, but: ${seen.join(", ")}`));
        }, 60_000);
        waits.add(look);
        look();
      }),
    close() {
      isClosed = true;
      socket.close();
    },
  };
}

async function post(path: string, body: object, token?: string): Promise<Record<string, string>> {
  const headers = {
    "content-type": "application/json",
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  return (await response.json()) as Record<string, string>;
}

test.skipIf(chromiumPath === undefined)(
  "[P-BUL-4] the page of the pipeline shows a film with its parts, and cancels it",
  async () => {
    await using browser = await startBrowser();
    const page = await browser.context.newPage();
    await page.goto(url);
    await page.getByLabel("Title").fill("Metropolis");
    await page.getByRole("button", { name: "Add the film" }).click();
    const film = page.locator("#films > li").first();
    await film.locator(".children li").nth(4).waitFor();
    await film.locator('.children li[data-status="running"]').first().waitFor();
    await film.getByRole("button", { name: "Cancel" }).first().click();
    await page.locator('#films > li[data-status="cancelled"]').first().waitFor();
  },
);

test("[P-BUL-6] [G9] a film comes to its end although its workers, the gateway and Redis are killed, and people see each of it", async () => {
  const visit = (await post("/api/visits", {})) as { user: string; token: string };
  const person = follow(visit);
  const { operation_id: root = "" } = await post("/api/films", { title: "Nosferatu" }, visit.token);
  await person.until(
    "a running part",
    (all) => all.length === 6 && all.some(({ status }) => status === "running"),
  );
  kill("worker-1");
  kill("worker-2");
  // A worker that starts quickly may take a job over before its lease has ended.
  await person.until("a stalled part or its next attempt", (all) =>
    all.some(({ attempt, status }) => status === "stalled" || attempt > 1),
  );
  await person.until("a running next attempt", (all) =>
    all.some(({ attempt, status }) => attempt > 1 && status === "running"),
  );
  kill("gateway");
  await once(example.stdout as NodeJS.ReadableStream, "data");
  await person.until("the end of Transcribe", (all) =>
    all.some(({ title, status }) => title === "Transcribe" && status === "done"),
  );
  kill("redis");
  await person.until("the end of the film", (all) =>
    all.some(({ operation_id, status }) => operation_id === root && status === "done"),
  );
  await person.until("the end of all parts", (all) => all.every(({ status }) => status === "done"));
  person.close();
  const all = [...person.latest.values()];
  expect(all.map(({ status }) => status)).toEqual(all.map(() => "done"));
  expect(all).toHaveLength(6);
  expect(all.filter(({ parent }) => parent === root)).toHaveLength(4);
  // What the gateway says to somebody who asks only now.
  const headers = { authorization: `Bearer ${visit.token}` };
  let open: readonly Summary[] | undefined;
  while (open === undefined || open.length > 0) {
    // The gateway may just have found its Redis again, and corrects its list of operations then.
    const answer = await fetch(`${url}/v1/operations`, { headers });
    const { operations } = (await answer.json()) as { operations?: readonly Summary[] };
    open = operations?.filter(({ status }) => status !== "done");
  }
}, 150_000);
