import { createGateway, type Gateway } from "@milepost/server";
import type { CDPSession, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Browser, chromiumPath, insecureHost, startBrowser } from "./fixtures/browser.ts";
import { type HalfWorkingProxy, startHalfWorkingProxy } from "./fixtures/half-working-proxy.ts";
import { type ModulePage, serveModulePage } from "./fixtures/module-page.ts";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const upTo = (total: number) => Array.from({ length: total }, (_, i) => i + 1);

interface Tab {
  readonly page: Page;
  readonly devtools: CDPSession;
  /** Number of event streams that the tab has opened. */
  streams: number;
  /** Number of WebSockets that the tab has opened, refused ones included. */
  sockets: number;
}

/** Records that a tab's scripts leave for the test to read. */
interface TabRecord {
  client: import("@milepost/client").Client;
  seen: number[];
  log: string[];
}

declare global {
  // The functions that run in the page share this variable with it.
  var tab: TabRecord;
  var presence: import("@milepost/client/presence").ChannelPresence;
  var parts: typeof import("@milepost/client/presence") &
    typeof import("@milepost/client/streams") &
    typeof import("@milepost/client/durable");
}

/** Ways in which a tab stops running, in the order of the test. */
const ends = {
  "is closed": ({ page }: Tab) => page.close(),
  crashes: async ({ page, devtools }: Tab) => {
    const crashed = page.waitForEvent("crash");
    devtools.send("Page.crash").catch(() => {});
    await crashed;
  },
  "is frozen after the browser's event": async (tab: Tab) => {
    await tab.page.evaluate(() => document.dispatchEvent(new Event("freeze")));
    await stop(tab);
  },
  "is frozen without notice": (tab: Tab) => stop(tab),
};

/** Stops all scripts of a tab, as a browser does when it freezes one. */
async function stop({ page, devtools }: Tab): Promise<void> {
  await devtools.send("Debugger.enable");
  const paused = new Promise((resolve) => devtools.once("Debugger.paused", resolve));
  await devtools.send("Debugger.pause");
  // A script is stopped when it next runs.
  page.evaluate(() => {}).catch(() => {});
  await paused;
}

describe.skipIf(chromiumPath === undefined)("tabs of one browser without WebSockets", () => {
  let gateway: Gateway;
  let site: ModulePage;
  let browser: Browser;
  let proxy: HalfWorkingProxy;
  const tabs: Tab[] = [];

  beforeAll(async () => {
    gateway = createGateway({
      auth: { tokenSecret: "s".repeat(48) },
      rules: [
        {
          pattern: "jobs:{queue}",
          subscribe: "authenticated",
          publish: "authenticated",
          retention: { maxEntries: 100, maxAgeMs: 60_000 },
          durable: {},
        },
      ],
      methods: {
        echo: { handler: async (params) => ({ params }) },
        count: {
          async *handler() {
            yield* upTo(3);
          },
        },
      },
    });
    site = await serveModulePage(gateway);
    browser = await startBrowser();
    proxy = await startHalfWorkingProxy(site.port);
  });

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await gateway?.close();
    await proxy?.[Symbol.asyncDispose]();
    await site?.[Symbol.asyncDispose]();
  });

  afterEach(async () => {
    for (const { page } of tabs.splice(0)) await page.close();
  });

  /** Opens a tab whose client connects and reads a channel. */
  async function openTab(
    user: string,
    channel: string,
    { url = proxy.url, share }: { readonly url?: string; readonly share?: boolean } = {},
  ): Promise<Tab> {
    const page = await browser.context.newPage();
    const devtools = await browser.context.newCDPSession(page);
    const tab: Tab = { page, devtools, streams: 0, sockets: 0 };
    tabs.push(tab);
    page.on("request", (request) => {
      if (request.url().includes("/ws/sse")) tab.streams++;
    });
    page.on("websocket", () => tab.sockets++);
    const token = await gateway.mintToken({
      user,
      channels: { subscribe: ["room:*", "chat:*"], publish: ["room:*"] },
    });
    await page.goto(url);
    await page.waitForFunction(() => globalThis.sdk !== undefined, undefined, { polling: 100 });
    await page.evaluate(
      ({ token, channel, ...options }) => {
        const client = globalThis.sdk.createClient({
          url: "/ws",
          token,
          backoff: { minMs: 50 },
          ...options,
        });
        globalThis.tab = { client, seen: [], log: [] };
        const { seen, log } = globalThis.tab;
        client.channel(channel).subscribe({
          onEvent: ({ data }) => seen.push(data as number),
          onGap: ({ reason }) => log.push(`gap ${reason}`),
          onError: (error) => log.push(String(error)),
          onState: (state) => log.push(state),
        });
      },
      { token, channel, ...(share !== undefined && { share }) },
    );
    await page.waitForFunction(() => globalThis.tab.log.includes("live"), undefined, {
      polling: 100,
    });
    return tab;
  }

  /** Opens tabs of one user. The first one leads. */
  async function openTabs(count: number, channel: string): Promise<Tab[]> {
    const first = await openTab("7", channel);
    return [first, ...(await Promise.all(upTo(count - 1).map(() => openTab("7", channel))))];
  }

  const publishFrom = ({ page }: Tab, channel: string, data: number) =>
    page.evaluate(
      ({ channel, data }) =>
        globalThis.tab.client.publish(channel, "tick", data, { timeoutMs: 10_000 }),
      { channel, data },
    );

  async function expectSeen({ page }: Tab, total: number): Promise<void> {
    await page.waitForFunction((last) => globalThis.tab.seen.at(-1) === last, total, {
      polling: 100,
    });
    const { seen, log } = await page.evaluate(() => {
      const { seen, log } = globalThis.tab;
      return { seen, log };
    });
    expect(seen).toEqual(upTo(total));
    expect(log.filter((said) => !["live", "interrupted"].includes(said))).toEqual([]);
  }

  test("[C13] seven tabs of one user receive all events over one event stream, and each can publish", async () => {
    const channel = "room:seven";
    const opened = await openTabs(7, channel);
    for (const n of upTo(20)) await gateway.publish(channel, "tick", n);
    for (const [i, tab] of opened.entries()) await publishFrom(tab, channel, 21 + i);
    for (const tab of opened) await expectSeen(tab, 27);
    expect(opened.map(({ streams }) => streams)).toEqual([1, 0, 0, 0, 0, 0, 0]);
  }, 120_000);

  test("[C13] [G3] [G4] ten tabs lose and repeat nothing when the tab that holds their stream is closed, crashes or is frozen", async () => {
    const channel = "room:ten";
    let alive = await openTabs(10, channel);
    let published = 0;
    const publish = async (count: number) => {
      for (let n = 0; n < count; n++) await gateway.publish(channel, "tick", ++published);
    };
    let [leader] = alive;
    for (const end of Object.values(ends)) {
      await publish(5);
      if (leader === undefined) throw new Error("no tab holds the stream");
      const others = alive.filter((tab) => tab !== leader);
      const before = others.map(({ streams }) => streams);
      await end(leader);
      const next = () => others.find(({ streams }, i) => streams > (before[i] ?? 0));
      while (next() === undefined) {
        await publish(1);
        await pause(20);
      }
      await publish(5);
      for (const tab of others) await expectSeen(tab, published);
      leader = next();
      alive = others;
    }
    for (const tab of alive) await publishFrom(tab, channel, ++published);
    for (const tab of alive) await expectSeen(tab, published);
  }, 180_000);

  test("[C13] tabs of seven users receive all events, and three of them hold a stream", async () => {
    const channel = "room:users";
    const opened = await Promise.all(upTo(7).map((user) => openTab(`${user}`, channel)));
    for (const [i, tab] of opened.entries()) await publishFrom(tab, channel, 1 + i);
    for (const tab of opened) await expectSeen(tab, 7);
    expect(opened.filter(({ streams }) => streams > 0)).toHaveLength(3);
  }, 120_000);

  test("[C13] presence, requests, chunks and durable subscribers work in the tab that leads and in those that follow", async () => {
    const opened = await openTabs(3, "room:features");
    const modules = ["presence/presence", "request/streams", "channel/durable"];
    for (const { page } of opened) {
      // The text is not compiled for the tests, in which an import is not that of the page.
      const imports = modules.map((name) => `import("/modules/client/${name}.js")`);
      await page.evaluate(
        `Promise.all([${imports}]).then((all) => { globalThis.parts = Object.assign({}, ...all); })`,
      );
      await page.evaluate(() => {
        globalThis.presence = globalThis.parts.channelPresence(globalThis.tab.client, "chat:1");
        globalThis.presence.subscribe(() => {});
      });
    }
    await opened[1]?.page.waitForFunction(
      () => globalThis.presence.getSnapshot().status === "live",
    );
    await opened[1]?.page.evaluate(() => globalThis.presence.setTyping(true));
    for (const { page } of opened) {
      await page.waitForFunction(() => globalThis.presence.getSnapshot().typing[0] === "user:7");
      const results = await page.evaluate(async () => {
        const { client } = globalThis.tab;
        const chunks: unknown[] = [];
        for await (const chunk of globalThis.parts.stream(client, "count")) chunks.push(chunk);
        return { chunks, answer: await client.request("echo", 1) };
      });
      expect(results).toEqual({ chunks: [1, 2, 3], answer: { params: 1 } });
    }
    // Two readers of one channel cannot be one subscription if either is durable, so the second one connects alone.
    const readers = opened.slice(1);
    for (const [i, { page }] of readers.entries()) {
      await page.evaluate(async (name) => {
        const { client, log } = globalThis.tab;
        void globalThis.parts
          .durable(client.channel("jobs:a"), name)
          .handle(({ data }) => log.push(`handled ${data}`));
      }, `worker-${i}`);
      while (!(await page.evaluate(() => globalThis.tab.log.includes("handled 1")))) {
        await gateway.publish("jobs:a", "go", 1);
        await pause(50);
      }
    }
    expect(opened.map(({ streams }) => streams)).toEqual([1, 0, 1]);
  }, 120_000);

  test("[C13] a plain HTTP page, which has no Web Locks, shares its stream, and another tab takes over from one that crashed", async () => {
    const channel = "room:insecure";
    const url = proxy.url.replace("127.0.0.1", insecureHost);
    const [leader, ...others] = [
      await openTab("7", channel, { url }),
      await openTab("7", channel, { url }),
      await openTab("7", channel, { url }),
    ];
    expect(await leader.page.evaluate(() => "locks" in navigator)).toBe(false);
    for (const n of upTo(5)) await gateway.publish(channel, "tick", n);
    await expectSeen(leader, 5);
    await ends.crashes(leader);
    for (const [i, tab] of others.entries()) await publishFrom(tab, channel, 6 + i);
    for (const tab of others) await expectSeen(tab, 7);
    expect(others.map(({ streams }) => streams).sort()).toEqual([0, 1]);
  }, 120_000);

  test("tabs that ask for it share one WebSocket, and another tab takes over from one that was closed", async () => {
    const channel = "room:websocket";
    const options = { url: `http://127.0.0.1:${site.port}`, share: true };
    const first = await openTab("7", channel, options);
    const others = await Promise.all(upTo(3).map(() => openTab("7", channel, options)));
    for (const n of upTo(5)) await gateway.publish(channel, "tick", n);
    for (const tab of others) await expectSeen(tab, 5);
    const sockets = () => others.map((tab) => tab.sockets).sort();
    expect([first.sockets, sockets()]).toEqual([1, [0, 0, 0]]);
    await first.page.close();
    for (const [i, tab] of others.entries()) await publishFrom(tab, channel, 6 + i);
    for (const tab of others) await expectSeen(tab, 8);
    expect(sockets()).toEqual([0, 0, 1]);
  }, 120_000);
});
