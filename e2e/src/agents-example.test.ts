import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { endWithThisProcess } from "@milepost/redis/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { chromiumPath, startBrowser } from "./fixtures/browser.ts";
import { secrets } from "./fixtures/served.ts";

const at = (path: string) =>
  fileURLToPath(new URL(`../../examples/agents/${path}`, import.meta.url));
const paceMs = "150";

/** Document of the feed, as far as these tests read it. */
interface Update {
  readonly type: string;
  readonly session_id: string;
  readonly transaction_id: string;
  readonly title: string;
  readonly status: string;
  readonly current_agent: string | null;
  readonly current_tasks: Readonly<Record<string, readonly string[]>>;
  readonly progress_events: readonly { readonly level: string; readonly agent?: string }[];
  readonly execution_order: readonly string[];
  readonly timeline: readonly {
    readonly what: string;
    readonly id: string;
    readonly to?: number;
  }[];
  readonly timestamp: string;
}

let url = "";
let child: ChildProcess;

beforeAll(async () => {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  child = spawn(process.execPath, [at("dist/main.js"), "--port", String(port)], {
    env: {
      ...process.env,
      AGENTS_PACE_MS: paceMs,
      MILEPOST_API_KEY: secrets.apiKey,
      MILEPOST_TOKEN_SECRET: secrets.tokenSecret,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  endWithThisProcess(child);
  url = `http://127.0.0.1:${port}`;
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    if (chunk.toString("utf8").includes(url)) break;
  }
});

afterAll(async () => {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
});

async function post(path: string, body: unknown): Promise<Record<string, string>> {
  const answer = await fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body) });
  expect(answer.ok).toBe(true);
  return (await answer.json()) as Record<string, string>;
}

/** Follows the feed of a session with a bare WebSocket that knows its path alone. */
function follow(session: string) {
  const socket = new WebSocket(`${url.replace("http", "ws")}/ws/progress/${session}`);
  const texts: string[] = [];
  const seen: Update[] = [];
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  let wake = () => {};
  socket.on("message", (data) => {
    texts.push(String(data));
    seen.push(JSON.parse(String(data)) as Update);
    wake();
  });
  return {
    texts,
    seen,
    closed,
    opened: once(socket, "open"),
    close: () => socket.close(),
    async until(isReached: (update: Update) => boolean): Promise<Update> {
      for (;;) {
        const found = seen.find(isReached);
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

describe("the example with agents, read by a client that knows the path of the feed alone", () => {
  test("[P-FEED-2] [P-FEED-3] [P-SESS-5] a registered session opens its feed, whose documents show agents, tasks, order, times, warnings and errors", async () => {
    const { session_id: session = "" } = await post("/api/sessions", {});
    const reader = follow(session);
    await reader.opened;
    const started = await post("/api/analyses", { session_id: session, company: "Acme Corp." });
    const first = await reader.until(({ current_agent }) => current_agent !== null);
    expect(first).toMatchObject({
      type: "progress_update",
      transaction_id: started.transaction_id,
      title: "Analysis of Acme Corp.",
    });
    expect(first.current_tasks[first.current_agent ?? ""]?.length).toBeGreaterThan(0);
    const last = await reader.until(({ status }) => status === "done");
    expect(last.current_tasks).toEqual({});
    expect(last.current_agent).toBeNull();
    expect(last.execution_order).toEqual([
      "ResearchAgent",
      "MacroAgent",
      "AnalystAgent",
      "ReportingAgent",
    ]);
    const agents = last.timeline.filter(({ what }) => what === "agent");
    expect(agents.map(({ to }) => typeof to)).toEqual(Array(4).fill("number"));
    const levels = new Set(last.progress_events.map(({ level }) => level));
    expect(levels).toEqual(new Set(["info", "warning", "error", "success"]));
    expect(new Date(last.timestamp).toISOString()).toBe(last.timestamp);
    for (const update of reader.seen) {
      const atWork = update.timeline.filter(({ what, to }) => what === "agent" && to === undefined);
      expect(Object.keys(update.current_tasks).toSorted()).toEqual(
        atWork.map(({ id }) => id).toSorted(),
      );
      expect(update.session_id).toBe(last.session_id);
    }
    expect(new Set(reader.texts).size).toBe(reader.texts.length);
    // A client that comes back gets the latest document, once.
    const back = follow(session);
    await back.until(({ status }) => status === "done");
    expect(back.texts).toEqual([reader.texts.at(-1)]);
    reader.close();
    back.close();
  });

  test("[P-FEED-1] [P-ADM-6] an unknown session is closed with 1008 Invalid session, and a fourth connection with 1008 Too many connections", async () => {
    const { session_id: session = "" } = await post("/api/sessions", {});
    const unknown = [`${session.slice(0, -1)}${session.endsWith("A") ? "B" : "A"}`, "none"];
    for (const one of unknown) {
      expect(await follow(one).closed).toEqual({ code: 1008, reason: "Invalid session" });
    }
    const three = [follow(session), follow(session), follow(session)];
    await Promise.all(three.map(({ opened }) => opened));
    const fourth = await follow(session).closed;
    expect(fourth).toEqual({ code: 1008, reason: "Too many connections" });
    for (const { close } of three) close();
  });

  test.skipIf(process.env.MILEPOST_PYTHON === undefined)(
    "agents in Python with the standard library alone are shown by the feed of their session",
    async () => {
      const { session_id: session = "" } = await post("/api/sessions", {});
      const reader = follow(session);
      await reader.opened;
      // The public id of a session is the part of its credential before the last dot.
      const id = session.slice(0, session.lastIndexOf("."));
      const env = { ...process.env, MILEPOST_API_KEY: secrets.apiKey, AGENTS_PACE_MS: paceMs };
      const program = [at("literal/workflow.py"), url, id];
      await promisify(execFile)(process.env.MILEPOST_PYTHON ?? "", program, { env });
      const last = await reader.until(({ status }) => status === "done");
      expect(last.execution_order).toEqual(["PlannerAgent", "WriterAgent"]);
      expect(last.progress_events.at(-1)).toMatchObject({ level: "warning" });
      reader.close();
    },
  );
});

test.skipIf(chromiumPath === undefined)(
  "the pages of the example show an analysis, with React and with a bare WebSocket, and a reload keeps it",
  async () => {
    await using browser = await startBrowser();
    const page = await browser.context.newPage();
    await page.goto(url);
    await page.getByLabel("Company").focus();
    await page.keyboard.press("Enter");
    await page.locator('section[data-status="done"]').waitFor();
    expect(await page.locator('[data-level="error"]').count()).toBe(1);
    expect(await page.locator(".lane").count()).toBe(4);
    await page.reload();
    await page.locator('section[data-status="done"]').waitFor();
    await page.setViewportSize({ width: 375, height: 800 });
    const { scrollWidth, clientWidth } = await page.evaluate<{ [name: string]: number }>(
      "({ scrollWidth: document.documentElement.scrollWidth, clientWidth: document.documentElement.clientWidth })",
    );
    expect(scrollWidth).toBe(clientWidth);
    const picture = process.env.MILEPOST_PICTURES;
    if (picture !== undefined)
      await page.screenshot({ path: `${picture}/phone.png`, fullPage: true });

    await page.goto(`${url}/literal/`);
    await page.getByRole("button", { name: "Analyse" }).click();
    await page.locator('body[data-status="done"]').waitFor();
    expect(await page.locator("#order li").allTextContents()).toHaveLength(4);
    expect(await page.locator("#connection").textContent()).toBe("connected");
  },
);
