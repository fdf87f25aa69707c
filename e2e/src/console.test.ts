import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type Browser, chromiumPath, startBrowser } from "./fixtures/browser.ts";
import { type Served, secrets, serveGatewayWith } from "./fixtures/served.ts";

/** Folder for pictures of every page; without it, none are taken. */
const pictures = process.env.CONSOLE_PICTURES;

describe.skipIf(chromiumPath === undefined)("the console in a browser", () => {
  let folder: string;
  let served: Served;
  let browser: Browser;
  let axe: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "milepost-console-"));
    const rules = [
      {
        pattern: "chat:*",
        subscribe: "granted",
        publish: "granted",
        retention: { maxEntries: 100, maxAgeMs: 3_600_000 },
        durable: { maxAttempts: 1 },
      },
      {
        pattern: "slow:*",
        subscribe: "granted",
        publish: "granted",
        retention: { maxEntries: 100, maxAgeMs: 3_600_000 },
        rate: { perSecond: 0.1, burst: 1 },
      },
    ];
    await writeFile(join(folder, "config.json"), JSON.stringify({ rules }));
    served = await serveGatewayWith(
      { MILEPOST_WEBHOOK_SECRET: "w".repeat(48) },
      "--config",
      join(folder, "config.json"),
    );
    browser = await startBrowser({ reducedMotion: "reduce" });
    axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  });

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await served?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  async function call(method: string, path: string, body?: unknown) {
    const response = await fetch(`${served.url}${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${secrets.apiKey}`,
        ...(body !== undefined && { "Content-Type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    expect(response.ok).toBe(true);
    return response.json();
  }

  /** Returns what axe finds wrong in both themes, and whether the page is wider than a phone or a desktop. */
  async function faultsOf(page: Page, name: string): Promise<string[]> {
    const found: string[] = [];
    for (const [device, width, height, colorScheme] of [
      ["phone", 375, 720, "dark"],
      ["phone", 375, 720, "light"],
      ["desktop", 1280, 800, "light"],
      ["desktop", 1280, 800, "dark"],
    ] as const) {
      // The width does not depend on the theme.
      if (device === "desktop" && colorScheme === "dark" && pictures === undefined) continue;
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      if (pictures !== undefined) {
        await page.screenshot({ path: `${pictures}/${name}-${device}-${colorScheme}.png` });
      }
      const isWide = await page.evaluate(
        () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
      );
      if (isWide) found.push(`${name} is wider than the screen of a ${device}`);
      // Of what axe looks at, only the contrast differs between the themes.
      if (device === "phone") found.push(...(await axeFaults(page, colorScheme === "dark")));
    }
    return found;
  }

  async function axeFaults(page: Page, onlyContrast: boolean): Promise<string[]> {
    const { violations } = await page.evaluate(
      (rules) => {
        const { axe } = globalThis as unknown as {
          axe: { run(context: Document, options: object): Promise<AxeResults> };
        };
        return axe.run(document, { resultTypes: ["violations"], ...rules });
      },
      onlyContrast ? { runOnly: ["color-contrast"] } : {},
    );
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target }) => `${id}: ${target.join(" ")}`),
    );
  }

  test("[P-CONS-8] an administrator signs in with a key, and every page shows its figures, asks before its actions and has no fault that axe finds", {
    timeout: 120_000,
  }, async () => {
    const { operation, lease } = await call("POST", "/v1/operations", {
      kind: "render",
      title: "Render the film",
      user_id: "7",
      operation_id: "9",
      producer_id: "worker-3",
      lease_ms: 600_000,
    });
    await call("POST", "/v1/operations/9/events", {
      lease: lease.token,
      events: [
        { event: "started", data: {} },
        { event: "log", data: { level: "warning", message: "The disk is slow" } },
      ],
    });
    expect(operation.id).toBe("9");
    await call("POST", "/v1/operations", { kind: "index", user_id: "8", operation_id: "10" });

    const page = await browser.context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    page.on("pageerror", ({ message }) => complaints.push(message));
    const urls: string[] = [];
    page.on("request", (request) => urls.push(request.url()));
    page.on("websocket", (socket) => urls.push(socket.url()));
    await page.goto(`${served.url}/console`);
    await page.evaluate(axe);
    expect(await faultsOf(page, "sign-in")).toEqual([]);

    await page.getByLabel("API key").fill("a-key-that-nobody-has");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    expect(complaints.splice(0)).toEqual([expect.stringContaining("401")]);
    await page.getByLabel("API key").fill(secrets.apiKey);
    await page.keyboard.press("Enter");

    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.getByText("Event loop delay, p99").waitFor();
    await page.getByText("healthy").waitFor();
    expect(await faultsOf(page, "overview")).toEqual([]);

    await page.getByRole("link", { name: "Nodes" }).click();
    await page.getByRole("button", { name: /^Move clients/ }).click();
    await page.getByRole("dialog").waitFor();
    expect(await faultsOf(page, "nodes-move")).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    expect(served.output()).not.toContain("connections.move");
    expect(await faultsOf(page, "nodes")).toEqual([]);

    await page.getByRole("button", { name: /^Drain/ }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Drain" }).click();
    await page.getByText("draining").waitFor();
    expect((await fetch(`${served.url}/readyz`)).status).toBe(503);
    await page.getByRole("button", { name: /^Take back/ }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Take back" }).click();
    await page.getByText("healthy").waitFor();

    await call("POST", "/v1/publish", { channel: "chat:tail", event: "note", data: { n: 1 } });
    await page.getByRole("link", { name: "Channels" }).click();
    await page.getByLabel(/^Channel/).fill("chat:tail");
    await page.keyboard.press("Enter");
    const tail = page.getByRole("region", { name: "Tail of chat:tail" });
    await tail.getByText('{"n":1}').waitFor();
    await page.getByRole("button", { name: "chat:tail" }).waitFor();
    await page.getByText("1 of 100").waitFor();
    await page.getByText("chat:* (deployment 1)").waitFor();
    expect(await faultsOf(page, "channels")).toEqual([]);
    await tail.getByRole("button", { name: "Pause" }).click();
    await call("POST", "/v1/publish", { channel: "chat:tail", event: "note", data: { n: 2 } });
    await tail.getByText("paused, 1 newer").waitFor();
    expect(await tail.getByText('{"n":2}').count()).toBe(0);
    await tail.getByRole("button", { name: "Pause" }).click();
    await tail.getByText('{"n":2}').waitFor();

    await call("PUT", "/v1/queues/previews", { capacity: 3, lanes: { paid: 3, free: 1 } });
    for (const user of ["7", "8"]) {
      await call("POST", "/v1/queues/previews/tickets", { user, lane: "paid" });
    }
    await page.getByRole("link", { name: "Queues" }).click();
    await page.getByRole("button", { name: "previews" }).click();
    const slider = page.getByRole("slider");
    await slider.focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    expect(await faultsOf(page, "queues")).toEqual([]);
    await page.getByRole("button", { name: "Set the capacity…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Set the capacity" }).click();
    await page.getByText("serves up to 5 at once").waitFor();
    expect(await call("GET", "/v1/queues/previews")).toMatchObject({ capacity: 5 });

    await page.getByRole("link", { name: "Rules" }).click();
    await page.getByLabel("Name of a channel").fill("slow:3");
    await page.keyboard.press("Enter");
    await page.getByText("holds for slow:3, rule 2 of the deployment").waitFor();
    await page.getByRole("row", { name: /segment 1 is slow, not chat/ }).waitFor();
    expect(await faultsOf(page, "rules")).toEqual([]);

    const { token: limitedToken } = await tokenOf("13");
    const publishAs7 = () =>
      fetch(`${served.url}/v1/publish`, {
        method: "POST",
        headers: {
          Authorization: `Bearer ${limitedToken}`,
          "Content-Type": "application/json",
        },
        body: JSON.stringify({ channel: "slow:3", event: "e", data: 1 }),
      });
    expect((await publishAs7()).status).toBe(200);
    expect((await publishAs7()).status).toBe(429);
    await page.getByRole("link", { name: "Limits" }).click();
    await page.getByRole("row", { name: /user:13 publish rate 1/ }).waitFor();
    expect(await faultsOf(page, "limits")).toEqual([]);

    const url = "https://hooks.example.invalid/milepost";
    await call("POST", "/v1/webhooks", { url, when: "always" });
    const told = await call("POST", "/v1/operations", {
      kind: "index",
      title: "Index the books",
      user_id: "8",
      operation_id: "11",
    });
    await call("POST", "/v1/operations/11/events", {
      lease: told.lease.token,
      events: [{ event: "done", data: {} }],
    });
    await page.getByRole("link", { name: "Webhooks" }).click();
    await page.getByRole("row", { name: /done: Index the books 8 webhook .* 1 / }).waitFor();
    expect(await faultsOf(page, "webhooks")).toEqual([]);
    await page.getByRole("button", { name: /^Send now… / }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Send now" }).click();
    await page.getByText("The message is being sent.").waitFor();
    await page.getByRole("row", { name: /done: Index the books 8 webhook .* 2 / }).waitFor();
    await page.getByRole("button", { name: /^Remove… / }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByText("There is no webhook.").waitFor();

    await page.getByRole("link", { name: "Operations" }).click();
    await page.getByRole("button", { name: "Render the film" }).click();
    const panel = page.getByRole("region", { name: "Operation 9" });
    await panel.getByText("Running").first().waitFor();
    const producer = panel.getByRole("region", { name: "The producer" });
    await producer.getByText("worker-3").waitFor();
    await producer.getByText("Last sign").waitFor();
    await panel.getByRole("row", { name: /warning The disk is slow/ }).waitFor();
    expect(await faultsOf(page, "operations")).toEqual([]);

    const silent = await call("POST", "/v1/operations", {
      kind: "report",
      title: "Write the report",
      user_id: "21",
      operation_id: "12",
      producer_id: "worker-4",
      lease_ms: 2_500,
    });
    await call("POST", "/v1/operations/12/events", {
      lease: silent.lease.token,
      events: [
        { event: "started", data: {} },
        { event: "progress", data: { percent: 40 } },
        { event: "log", data: { level: "info", message: "Reading chapter 3" } },
      ],
    });

    // A user says that a run has stopped moving: its row says stalled, and its facts say since when and whose it was.
    await page.getByLabel("User").fill("21");
    await page.getByRole("row", { name: /Write the report .* stalled/ }).waitFor();
    await page.getByRole("button", { name: "Write the report" }).click();
    const stalled = page.getByRole("region", { name: "Operation 12" });
    const facts = stalled.getByRole("region", { name: "The producer" });
    await facts.getByText("worker-4").waitFor();
    await facts.getByText("Silent since").waitFor();
    await facts.getByText(/^ran out at/).waitFor();
    await stalled.getByRole("row", { name: /info Reading chapter 3/ }).waitFor();
    expect(await faultsOf(page, "operation-stalled")).toEqual([]);
    await page.getByLabel("User").fill("");
    await page.getByRole("button", { name: "Render the film" }).click();
    await page.getByLabel("Kind").fill("index");
    await page.getByRole("button", { name: "index", exact: true }).waitFor();
    await page.getByRole("row", { name: /Render the film/ }).waitFor({ state: "detached" });
    await panel.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Send cancel" }).click();
    await panel.getByText("The command cancel was sent").waitFor();
    expect((await call("GET", "/v1/operations/9")).operation.commands).toMatchObject([
      { command: "cancel", by: "default" },
    ]);

    const user = new WebSocket(`${served.url.replace("http", "ws")}/ws`, [
      "milepost.v1.json",
      `milepost.token.${(await tokenOf("7")).token}`,
    ]);
    const closed = new Promise<number>((resolve) => {
      user.onclose = ({ code }) => resolve(code);
    });
    await new Promise<void>((resolve) => {
      user.onmessage = ({ data }) => {
        const { type, position } = JSON.parse(String(data));
        const send = (message: unknown) => user.send(JSON.stringify(message));
        if (type === "welcome") send({ type: "subscribe", id: 1, channel: "chat:1", as: "worker" });
        if (type === "event") send({ type: "nack", channel: "chat:1", position, reason: "odd" });
        if (type === "reply") resolve();
      };
    });
    await call("POST", "/v1/publish", {
      channel: "chat:1",
      event: "note",
      data: { text: "Hello" },
    });
    await page.getByRole("link", { name: "Connections" }).click();
    await page.getByLabel("Id or name").fill("7");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByText("1 connection of the user 7").waitFor();
    expect(await faultsOf(page, "connections")).toEqual([]);
    await page
      .getByRole("button", { name: /^Disconnect… / })
      .last()
      .click();
    await page.getByRole("dialog").getByRole("button", { name: "Disconnect" }).click();
    expect(await closed).toBe(4410);
    await page.getByText("Closed: 1 connection.").waitFor();

    await page.getByRole("link", { name: "Dead letters" }).click();
    await page.getByRole("row", { name: /chat:1 note refused: odd worker/ }).waitFor();
    await page.getByRole("row").getByRole("button").first().click();
    await page.getByRole("region", { name: "Entry" }).getByText('"Hello"').waitFor();
    expect(await faultsOf(page, "dead-letters")).toEqual([]);
    await page.getByRole("button", { name: "Drop…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Drop" }).click();
    await page.getByText("The dead letter was dropped.").waitFor();
    expect((await call("GET", "/v1/dead-letters")).letters).toEqual([]);

    // The audit log has each deed, and neither the log, an address nor the browser's storage has a credential.
    for (const action of [
      "console.sign_in",
      "operations.command",
      "connections.disconnect",
      "dead_letters.drop",
      "nodes.drain",
      "queues.configure",
      "deliveries.retry",
      "webhooks.remove",
    ]) {
      expect(served.output()).toContain(action);
    }
    expect(served.output()).not.toContain("mpconsole.");
    expect(urls.join("\n")).not.toMatch(/mpconsole|kkkkkk/);
    const stored = await page.evaluate(() => [localStorage.length, sessionStorage.length]);
    expect(stored).toEqual([0, 0]);
    expect(complaints).toEqual([]);
    await page.reload();
    await page.getByLabel("API key").waitFor();
  });

  async function tokenOf(user: string): Promise<{ token: string }> {
    const { createGateway } = await import("@milepost/server");
    await using gateway = createGateway({ auth: { tokenSecret: secrets.tokenSecret } });
    return {
      token: await gateway.mintToken({
        user,
        channels: { subscribe: ["chat:*"], publish: ["slow:*"] },
      }),
    };
  }
});
