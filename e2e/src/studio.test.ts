import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Browser, chromiumPath, startBrowser } from "./fixtures/browser.ts";
import { type Studio, startStudio } from "./fixtures/studio.ts";

/** A page of the studio, with what went wrong in it. */
async function open(browser: Browser, url: string, visitor: string) {
  const page = await browser.context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(message.text());
  });
  await page.goto(`${url}/?visitor=${visitor}`);
  const panel = page.getByRole("region", { name: "Live status" });
  await panel.getByText("Live updates active").waitFor();
  return { page, panel, faults };
}

const sync = (page: Page) => page.getByRole("button", { name: "Sync to Chainlit" }).click();

describe.skipIf(chromiumPath === undefined)("the studio in a real browser", () => {
  let studio: Studio;
  let browser: Browser;

  beforeAll(async () => {
    studio = await startStudio({ STEP_MS: "60", PREVIEW_MS: "2500" });
    browser = await startBrowser();
  });

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await studio?.[Symbol.asyncDispose]();
  });

  test("a visitor generates code, syncs it and sees every stage until the preview is ready and serves the files", async () => {
    const { page, panel, faults } = await open(browser, studio.url, "1");
    await page.getByRole("button", { name: "Generate code" }).click();
    await panel.getByRole("progressbar", { name: "Generation" }).waitFor();
    await panel.getByText("The code is generated", { exact: true }).waitFor();
    expect(await page.getByLabel("Content of app.py").inputValue()).toContain(
      "A helpful travel guide",
    );
    await sync(page);
    await panel.getByText("Complete: done").waitFor();
    await panel.getByText("Your preview is ready").waitFor();
    const address = await panel
      .getByRole("link", { name: "Open the preview" })
      .getAttribute("href");
    expect(await (await fetch(address ?? "")).text()).toContain("A helpful travel guide");
    await panel.getByText("Stopped", { exact: true }).waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  test("a visitor who reloads while waiting finds the place in the queue again, and gets the preview in turn", async () => {
    const first = await open(browser, studio.url, "1");
    const second = await open(browser, studio.url, "2");
    await sync(first.page);
    await first.panel.getByText("Ready", { exact: true }).waitFor();
    await sync(second.page);
    await second.panel.getByText(/Next in line, about \d+ seconds?/).waitFor();
    const health = await (await fetch(`${studio.backend}/health`)).json();
    expect(health).toMatchObject({ status: "healthy", connectedUsers: 2, queueLength: 1 });
    await second.page.reload();
    await second.panel.getByText(/Next in line, about/).waitFor();
    await second.panel.getByText("Validating: running").waitFor();
    await second.panel.getByText("Complete: done").waitFor();
    await first.panel.getByText("Stopped", { exact: true }).waitFor();
    expect([...first.faults, ...second.faults]).toEqual([]);
    await first.page.close();
    await second.page.close();
  });

  test("[P-QUE-11] [P-QUE-16] a paying visitor goes before those who came earlier, and all see their places in the gateway's queue", async () => {
    const holder = await open(browser, studio.url, "1");
    const early = await open(browser, studio.url, "8");
    const paying = await open(browser, studio.url, "9");
    const place = ({ page }: { readonly page: Page }) =>
      page.getByRole("region", { name: "Queue" });
    await paying.page.getByRole("button", { name: "Become a paying visitor" }).click();
    await paying.page.getByRole("button", { name: "You are a paying visitor" }).waitFor();
    await sync(holder.page);
    await place(holder).getByText("It is your turn").waitFor();
    await sync(early.page);
    await place(early).getByText("You are next").waitFor();
    await sync(paying.page);
    await place(paying).getByText("You are next").waitFor();
    await place(early).getByText("You are number 2 of 2").waitFor();
    await place(early)
      .getByText(/^About/)
      .waitFor();
    await place(early).getByRole("button", { name: "Leave the queue" }).click();
    await place(early).getByText("You have left the queue").waitFor();
    await paying.panel.getByText("Complete: done").waitFor();
    for (const { page, faults } of [holder, early, paying]) {
      expect(faults).toEqual([]);
      await page.close();
    }
  });

  test("an error of one visitor's work is shown to that visitor alone, until it is cleared, also across a reload", async () => {
    const first = await open(browser, studio.url, "3");
    const second = await open(browser, studio.url, "4");
    await first.page.getByLabel("Content of app.py").fill("raise SystemExit");
    await sync(first.page);
    const failure = first.panel.getByRole("alert").getByText(/The preview failed: app.py ended/);
    await failure.waitFor();
    await first.panel.getByText("Launching: failed").waitFor();
    await first.page.reload();
    await failure.waitFor();
    await first.panel.getByRole("button", { name: "Clear errors" }).click();
    await failure.waitFor({ state: "detached" });
    await first.page.reload();
    await first.panel.getByText("Launching: failed").waitFor();
    expect(await failure.count()).toBe(0);
    // The second visitor's own work arrives, so everything before it would have arrived as well.
    await sync(second.page);
    await second.panel.getByText("Complete: done").waitFor();
    expect(await second.panel.getByRole("alert").count()).toBe(0);
    await first.page.close();
    await second.page.close();
  });

  test("a stranger who names a visitor's id gets nothing of that visitor", async () => {
    const { page } = await open(browser, studio.url, "5");
    const userId = await page.evaluate(() => localStorage.getItem("userId:5"));
    const claimed = await fetch(`${studio.backend}/v1/guests`, {
      method: "POST",
      body: JSON.stringify({ claim: userId }),
    });
    expect(claimed.status).toBe(409);
    const foreign = await fetch(`${studio.backend}/api/sync-chainlit`, {
      method: "POST",
      headers: { "X-User-Id": "user:admin" },
      body: JSON.stringify({ files: { "app.py": "" } }),
    });
    expect(foreign.status).toBe(400);
    await page.close();
  });

  test("the page works on a phone and in the dark, with the keyboard alone and without anything that sticks out", async () => {
    const { page, panel } = await open(browser, studio.url, "6");
    await page.setViewportSize({ width: 390, height: 844 });
    await page.emulateMedia({ colorScheme: "dark" });
    await page.getByLabel("What should the app be?").focus();
    await page.keyboard.press("Enter");
    await panel.getByText("The code is generated", { exact: true }).waitFor();
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow).toBe(0);
    await page.evaluate(
      await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"),
    );
    for (const colorScheme of ["dark", "light"] as const) {
      await page.emulateMedia({ colorScheme });
      const { violations } = await page.evaluate(() =>
        (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
      );
      expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    }
    await page.close();
  });

  test("the studio ends cleanly while pages are open, and a page says that the server restarts", async () => {
    const { page, panel } = await open(browser, studio.url, "7");
    expect(await studio.end("SIGTERM")).toBe(0);
    await panel.getByText(/Reconnecting/).waitFor();
    await panel.getByText("The server is restarting. You will be reconnected.").waitFor();
    await page.close();
  });
});
