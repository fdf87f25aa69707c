import { createGateway, type Gateway } from "@milepost/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Browser, chromiumPath, startBrowser } from "./fixtures/browser.ts";
import { startCuttableProxy } from "./fixtures/cuttable-proxy.ts";
import { startHalfWorkingProxy } from "./fixtures/half-working-proxy.ts";
import { type ModulePage, serveModulePage } from "./fixtures/module-page.ts";

const upTo = (total: number) => Array.from({ length: total }, (_, i) => i + 1);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Records that the page's scripts leave for the test to read. */
interface Left {
  seen: unknown[];
  named: unknown[];
  log: string[];
}

declare global {
  // The functions that run in the page share this variable with it.
  var left: Left;
  var sdk: typeof import("@milepost/client");
}

describe.skipIf(chromiumPath === undefined)("a client in a real browser", () => {
  let gateway: Gateway;
  let site: ModulePage;
  let browser: Browser;
  let token: string;

  beforeAll(async () => {
    gateway = createGateway({ auth: { tokenSecret: "s".repeat(48) } });
    site = await serveModulePage(gateway);
    browser = await startBrowser();
    token = await gateway.mintToken({ user: "7", channels: { subscribe: ["room:*"] } });
  });

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await gateway?.close();
    await site?.[Symbol.asyncDispose]();
  });

  test("[P-SSE-3] [P-SSE-4] [P-SSE-7] a plain EventSource resumes after a cut, with no entry missed or repeated", async () => {
    await using proxy = await startCuttableProxy(() => site.port);
    const page = await browser.context.newPage();
    await page.goto(proxy.url);
    await page.evaluate((query) => {
      globalThis.left = { seen: [], named: [], log: [] };
      const { left } = globalThis;
      const source = new EventSource(`/v1/sse?channels=room:a,room:b&${query}`);
      source.onopen = () => left.log.push("open");
      source.onerror = () => left.log.push(source.readyState === 0 ? "retry" : "closed");
      source.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if (message.type === "tick") left.seen.push(message.data);
        else left.log.push(message.type);
      };
      const named = new EventSource(`/v1/sse?channels=room:a&named=true&${query}`);
      named.addEventListener("tick", ({ data }) => left.named.push(JSON.parse(data).data));
      named.addEventListener("subscribed", () => left.log.push("named subscribed"));
    }, `token=${token}`);
    await page.waitForFunction(
      () => globalThis.left.log.filter((said) => said.includes("subscribed")).length === 3,
    );
    const total = 60;
    for (const n of upTo(total)) {
      await gateway.publish("room:a", "tick", n);
      if (n === 20 || n === 40) {
        proxy.cut();
        await page.waitForFunction(
          (opens) => globalThis.left.log.filter((said) => said === "open").length > opens,
          n / 20,
        );
      }
    }
    await page.waitForFunction(
      (last) => globalThis.left.seen.at(-1) === last && globalThis.left.named.at(-1) === last,
      total,
    );
    const { seen, named, log } = await page.evaluate(() => globalThis.left);
    expect(seen).toEqual(upTo(total));
    expect(named).toEqual(upTo(total));
    expect(log).toContain("retry");
    expect(log).not.toContain("closed");
    await page.close();
  });

  test("[P-SSE-1] an EventSource with an invalid token does not reconnect", async () => {
    const page = await browser.context.newPage();
    await page.goto(`http://127.0.0.1:${site.port}`);
    const state = await page.evaluate(
      () =>
        new Promise((resolve) => {
          const source = new EventSource("/v1/sse?channels=room:a&token=nonsense");
          source.onerror = () => resolve(source.readyState);
        }),
    );
    expect(state).toBe(2);
    await page.close();
  });

  test("[C13] the SDK falls back when WebSockets are refused, and returns to them once they are allowed", async () => {
    await using proxy = await startHalfWorkingProxy(site.port);
    const page = await browser.context.newPage();
    await page.goto(proxy.url);
    await page.waitForFunction(() => globalThis.sdk !== undefined);
    await page.evaluate((credential) => {
      globalThis.left = { seen: [], named: [], log: [] };
      const { left } = globalThis;
      const { createClient, systemClock } = globalThis.sdk;
      const times = 20;
      const client = createClient({
        url: "/ws",
        token: credential,
        clock: {
          now: systemClock.now,
          monotonic: () => systemClock.monotonic() * times,
          after: (ms, run) => systemClock.after(ms / times, run),
        },
      });
      client.onState((state) =>
        left.log.push(state.state === "connected" ? state.transport : state.state),
      );
      client.channel("room:c").subscribe({
        onEvent: ({ data }) => left.seen.push(data),
        onGap: () => left.log.push("gap"),
        onError: (error) => left.log.push(String(error)),
      });
    }, token);
    await page.waitForFunction(() => globalThis.left.log.includes("sse"));
    let published = 0;
    const publish = () => gateway.publish("room:c", "tick", ++published);
    // The subscription is active once an entry arrives; entries published earlier may have preceded it.
    while ((await page.evaluate(() => globalThis.left.seen.length)) === 0) await publish();
    proxy.treats.upgrades = "pass";
    while (!(await page.evaluate(() => globalThis.left.log.includes("websocket")))) {
      await publish();
      await pause(5);
    }
    for (let n = 0; n < 20; n++) await publish();
    await page.waitForFunction((last) => globalThis.left.seen.at(-1) === last, published);
    const { seen, log } = await page.evaluate(() => globalThis.left);
    const first = Number(seen[0]);
    expect(seen).toEqual(upTo(published).slice(first - 1));
    expect(log.slice(log.indexOf("sse"))).toEqual(["sse", "websocket"]);
    expect(proxy.counts.upgrades).toBeGreaterThanOrEqual(2);
    await page.close();
  });
});
