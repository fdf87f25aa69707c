import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { LiteralClient, type Message } from "../../examples/collections/page/literal-client.js";
import { type Browser, chromiumPath, startBrowser } from "./fixtures/browser.ts";
import { type CollectionsExample, startCollections } from "./fixtures/collections.ts";

let example: CollectionsExample;

beforeAll(async () => {
  example = await startCollections({ NODES: "2", PACE_MS: "10" });
});

afterAll(async () => {
  await example?.[Symbol.asyncDispose]();
});

async function post(path: string, token?: string) {
  const answer = await fetch(`${example.url}${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: "{}",
  });
  return (await answer.json()) as Record<string, string>;
}

/** Reads a channel as the backend, whichever nodes are up. */
async function history(channel: string): Promise<readonly Message[]> {
  for (;;) {
    const answer = await fetch(
      `${example.url}/v1/channels/${encodeURIComponent(channel)}/history?limit=1000&since=start`,
      { headers: { authorization: `Bearer ${example.apiKey}` } },
    ).catch(() => undefined);
    if (answer?.ok) {
      const { entries } = (await answer.json()) as { entries: readonly Message[] };
      return entries;
    }
  }
}

/** Messages in the order of their arrival, and a wait for one of them. */
class Inbox {
  readonly messages: Message[] = [];
  #waits: (() => void)[] = [];

  readonly take = (message: Message): void => {
    this.messages.push(message);
    for (const wake of this.#waits.splice(0)) wake();
  };

  async until(isIt: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const found = this.messages.find(isIt);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waits.push(resolve));
    }
  }
}

describe("the example of the collections", () => {
  test("[P-OP-15] [G4] a literal client sees each change of an operation once and in order while gateway nodes are killed", async () => {
    const { user = "", token = "" } = await post("/api/visits");
    const inbox = new Inbox();
    const client = new LiteralClient({
      url: example.url,
      token: async () => token,
      channels: ["collection:protocol:*", "system:*"],
      onMessage: inbox.take,
      WebSocket,
    });
    await inbox.until(({ type, channel }) => type === "subscribed" && channel === "system:*");
    const { operation_id: id = "" } = await post("/api/collections/protocol/index", token);
    client.subscribe(`user:${user}:operation:${id}`);
    const isOf = ({ type, data }: Message) => type === "operation" && data.operation_id === id;
    for (const least of [10, 50]) {
      await inbox.until((message) => isOf(message) && message.data.percent >= least);
      const { name } = await post("/api/nodes/kill", token);
      await inbox.until(
        ({ type, data }) => type === "node" && data.node === name && data.is_up === false,
      );
      const gone = inbox.messages.length;
      await inbox.until(
        (message) =>
          inbox.messages.indexOf(message) >= gone &&
          message.type === "node" &&
          message.data.node === name &&
          message.data.is_up,
      );
    }
    await inbox.until((message) => isOf(message) && message.data.status === "done");
    client.cut();
    await inbox.until(
      ({ type, channel, data }) =>
        type === "done" && channel?.includes(id) === true && data !== undefined,
    );
    client.close();

    const seen = inbox.messages.filter(isOf).map(({ data }) => data);
    const stored = (await history("collection:protocol:*"))
      .map(({ data }) => data)
      .filter((data) => data.operation_id === id);
    expect(seen).toEqual(stored);
    expect(seen.map(({ status }) => status)).toEqual(
      seen.map((_, n) => (n === 0 ? "waiting" : n === seen.length - 1 ? "done" : "running")),
    );
    const percents = seen.map(({ percent }) => percent);
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
    expect(seen.length).toBeGreaterThan(20);
    expect(JSON.stringify(seen)).not.toContain(user);
    const own = await history(`user:${user}:operation:${id}`);
    const keys = own.map(({ data }) => JSON.stringify(data));
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("[P-WILD-4] a visitor reads its own operations and the collections, and no other visitor's", async () => {
    const [one, other] = [await post("/api/visits"), await post("/api/visits")];
    const inbox = new Inbox();
    const client = new LiteralClient({
      url: example.url,
      token: async () => one.token ?? "",
      channels: [],
      onMessage: inbox.take,
      WebSocket,
    });
    await inbox.until(({ type }) => type === "welcome");
    client.subscribe(`user:${one.user}:*`);
    client.subscribe(`user:${other.user}:*`);
    client.subscribe("jobs:protocol");
    const answered = (channel: string) =>
      inbox.until((message) => "id" in message && message.id === channel);
    expect(await answered(`user:${one.user}:*`)).toHaveProperty("result");
    for (const channel of [`user:${other.user}:*`, "jobs:protocol"]) {
      expect(await answered(channel)).toMatchObject({ error: { code: "forbidden" } });
    }
    client.close();
  });

  test("[S1] without redis-server the example runs on one node in memory and says so", async () => {
    await using alone = await startCollections({
      MILEPOST_REDIS_SERVER: "/nonexistent/redis-server",
      WORKERS: "1",
    });
    expect(alone.output()).toMatch(/1 gateway node, store: memory/);
    const answer = await fetch(`${alone.url}/api/collections`);
    expect(await answer.json()).toMatchObject({ collections: [{ id: "handbook" }, {}, {}] });
  });
});

describe.skipIf(chromiumPath === undefined)("the page of the collections", () => {
  let browser: Browser;
  let axe: string;

  beforeAll(async () => {
    browser = await startBrowser({ reducedMotion: "reduce" });
    axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  });

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
  });

  async function faultsOf(page: Page): Promise<string[]> {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() =>
      (globalThis as unknown as { axe: { run(context: Document): Promise<AxeResults> } }).axe.run(
        document,
      ),
    );
    const isWide = await page.evaluate(
      () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
    );
    const found = violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target }) => `${id}: ${target.join(" ")}`),
    );
    return isWide ? [...found, "the page is wider than the screen"] : found;
  }

  test("[U5] the page works by keyboard alone, on every screen, and axe finds no fault", async () => {
    const page = await browser.context.newPage();
    await page.goto(example.url);
    await page.locator('#state[data-state="websocket"]').waitFor();
    await page.keyboard.press("Tab");
    await expect(
      page.evaluate(() => document.activeElement?.getAttribute("aria-label")),
    ).resolves.toBe("Index Handbook");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.locator("#mine", { hasText: "done" }).waitFor();
    const list = page.locator('[data-collection="protocol"] .operations');
    await list.locator('[data-status="done"]').first().waitFor();
    for (const [width, height, colorScheme] of [
      [1280, 900, "light"],
      [375, 720, "dark"],
      [1280, 900, "dark"],
      [375, 720, "light"],
    ] as const) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      expect(await faultsOf(page)).toEqual([]);
    }
    await page.close();
  });

  test("[P-SSE-2] where WebSockets do not get through, the page continues over server-sent events", async () => {
    const page = await browser.context.newPage();
    await page.addInitScript(() => {
      globalThis.WebSocket = class extends globalThis.WebSocket {
        constructor() {
          super("ws://127.0.0.1:9/ws");
        }
      } as typeof globalThis.WebSocket;
    });
    await page.goto(example.url);
    await page.locator('#state[data-state="sse"]').waitFor();
    await page.getByRole("button", { name: "Index Model sources" }).click();
    await page.locator("#mine", { hasText: "done" }).waitFor();
    await page.locator("#system", { hasText: "documents" }).waitFor();
    await page.close();
  });
});
