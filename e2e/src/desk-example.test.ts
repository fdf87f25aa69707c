import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { endWithThisProcess } from "@milepost/redis/testing";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { chromiumPath, startBrowser } from "./fixtures/browser.ts";

const main = fileURLToPath(new URL("../../examples/agents/dist/main.js", import.meta.url));

/** Starts the example with short pauses, and returns its address. */
async function startExample(): Promise<{ readonly url: string; readonly child: ChildProcess }> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  const child = spawn(process.execPath, [main, "--port", String(port)], {
    env: { ...process.env, AGENTS_PACE_MS: "50" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  endWithThisProcess(child);
  const url = `http://127.0.0.1:${port}`;
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    if (chunk.toString("utf8").includes(url)) break;
  }
  return { url, child };
}

const screens = [
  [1280, 900, "light"],
  [390, 844, "light"],
  [1280, 900, "dark"],
  [390, 844, "dark"],
] as const;

/** Returns what axe finds on every screen, and whether something sticks out. */
async function faultsOf(page: Page, axe: string, shot: string): Promise<string[]> {
  const faults: string[] = [];
  for (const [width, height, colorScheme] of screens) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() =>
      (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
    );
    const isWide = await page.evaluate(
      () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
    );
    const where = `${width} ${colorScheme}`;
    for (const { id, nodes } of violations) {
      faults.push(...nodes.map(({ target }) => `${where}: ${id}: ${target.join(" ")}`));
    }
    if (isWide) faults.push(`${where}: the page is wider than the screen`);
    const folder = process.env.MILEPOST_SCREENSHOTS;
    if (folder !== undefined) {
      await page.screenshot({
        path: `${folder}/${shot}-${width}-${colorScheme}.png`,
        fullPage: true,
      });
    }
  }
  return faults;
}

describe.skipIf(chromiumPath === undefined)("the release desk of the agents example", () => {
  test("[P-QST-12] [P-INB-13] [P-DIG-6] [P-TREE-3] a person answers in one tab, another tab follows, and the digest waits on return", async () => {
    const { url, child } = await startExample();
    await using browser = await startBrowser({ reducedMotion: "reduce" });
    const axe = await readFile(
      createRequire(import.meta.url).resolve("axe-core/axe.min.js"),
      "utf8",
    );
    const page = await browser.context.newPage();
    await page.goto(`${url}/desk/`);
    await page.getByText("The inbox is empty.").waitFor();
    await page.getByRole("button", { name: "Release" }).click();
    const panel = page.locator('.mp-panel[data-status="running"]');
    const first = panel.getByRole("article", { name: "Where does the release go?" });
    await first.waitFor();
    const parts = page.getByRole("region", { name: "Parts" });
    await parts.getByText("2 of 2 parts done").waitFor();
    await parts.getByText("counts 3×").waitFor();
    const inbox = page.getByRole("region", { name: "Inbox" });
    await inbox.getByRole("article", { name: "Where does the release go?" }).waitFor();
    expect(await faultsOf(page, axe, "choose")).toEqual([]);

    // A second tab of the same person, by keyboard alone.
    const other = await browser.context.newPage();
    await other.goto(`${url}/desk/`);
    const there = other.locator('.mp-panel[data-status="running"]');
    await there.getByRole("radio", { name: /Everywhere at once/ }).focus();
    await other.keyboard.press("Space");
    await other.keyboard.press("Enter");
    const outcome = there.getByText(/^Everywhere at once, by /);
    await outcome.waitFor();
    // The first tab shows the answer, and its form and item are gone.
    await panel.getByText(/^Everywhere at once, by /).waitFor();
    await first.waitFor({ state: "detached" });

    const second = panel.getByRole("article", { name: "How carefully?" });
    await second.waitFor();
    expect(await faultsOf(page, axe, "input")).toEqual([]);
    await page.close();
    await there.getByLabel("Percent of the users").fill("20");
    await there.getByLabel("Percent of the users").press("Enter");
    await other.locator('.mp-panel[data-status="done"]').waitFor();
    await other.close();

    // On return: what has happened since the first tab was opened.
    const back = await browser.context.newPage();
    await back.goto(`${url}/desk/`);
    const digest = back.getByRole("region", { name: "While you were away" });
    await digest
      .getByText(/finished/)
      .first()
      .waitFor();
    expect(await faultsOf(back, axe, "digest")).toEqual([]);
    await digest.getByRole("button", { name: "Seen" }).click();
    await digest.waitFor({ state: "detached" });
    await back.reload();
    await back.getByText("The inbox is empty.").waitFor();
    expect(await digest.count()).toBe(0);
    child.kill("SIGKILL");
    await once(child, "exit");
  });
});
