import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Browser, chromiumPath, startBrowser } from "./fixtures/browser.ts";
import { type CuttableProxy, startCuttableProxy } from "./fixtures/cuttable-proxy.ts";
import { type Demo, startDemo } from "./fixtures/demo.ts";
import { openJobPage } from "./fixtures/job-page.ts";

const files = 1_200;

/** Creates a folder with more than a thousand files, so that the page shows counts with separators. */
async function makeFolder(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "milepost-e2e-"));
  const texts = Array.from({ length: files }, (_, i) => i);
  for (const part of texts.filter((i) => i % 100 === 0)) {
    await mkdir(join(root, "corpus", `part-${part / 100}`), { recursive: true });
  }
  await Promise.all(
    texts.map((i) =>
      writeFile(
        join(root, "corpus", `part-${Math.floor(i / 100)}`, `file-${i}.txt`),
        `milestone number word${i} on the long road\n`,
      ),
    ),
  );
  // Each of these files makes a line of the log, because it cannot be indexed.
  await mkdir(join(root, "pictures"));
  await Promise.all(
    texts
      .slice(0, 60)
      .map((i) => writeFile(join(root, "pictures", `${i}.bin`), new Uint8Array([0, 1, 2, 0]))),
  );
  return root;
}

const devices = [
  { device: "a desktop", width: 1280, height: 900, colorScheme: "light" },
  { device: "a dark desktop", width: 1280, height: 900, colorScheme: "dark" },
  { device: "a phone", width: 375, height: 720, colorScheme: "light" },
  { device: "a dark phone", width: 375, height: 720, colorScheme: "dark" },
] as const;

describe.skipIf(chromiumPath === undefined)("the demo's page for everyone", () => {
  let root: string;
  let demo: Demo;
  let proxy: CuttableProxy;
  let axe: string;

  beforeAll(async () => {
    root = await makeFolder();
    demo = await startDemo({ MILEPOST_DEMO_ROOT: root });
    proxy = await startCuttableProxy(() => demo.port);
    axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  });

  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]();
    await demo?.[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  });

  /** Returns what axe finds wrong on the page as it is now, and whether the page is wider than the screen. */
  async function faultsOf(page: Page): Promise<string[]> {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() =>
      (globalThis as unknown as { axe: { run(context: Document): Promise<AxeResults> } }).axe.run(
        document,
      ),
    );
    const found = violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target }) => `${id}: ${target.join(" ")}`),
    );
    const isWide = await page.evaluate(
      () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
    );
    return isWide ? [...found, "the page is wider than the screen"] : found;
  }

  test.each(devices)(
    "on $device the page has no fault that axe finds, and no notice covers the run or its results",
    async ({ width, height, colorScheme }) => {
      const viewport = { width, height };
      await using browser: Browser = await startBrowser({
        viewport,
        colorScheme,
        reducedMotion: "reduce",
      });
      const job = await openJobPage(browser.context, proxy.url);
      const { page } = job;
      await page.getByRole("heading", { name: "No run yet" }).waitFor();
      const before = await page.getByRole("list", { name: "Steps of a run" }).innerText();
      expect(await faultsOf(page)).toEqual([]);

      await job.start({ path: "corpus", pace: "Full speed" });
      await job.status("done");
      const titles = await page.locator(".step__title").allInnerTexts();
      expect(before.split("\n").filter((line) => Number.isNaN(Number(line)))).toEqual(titles);
      await page.getByText("As a table").click();
      await page.getByRole("searchbox").fill("milestone");
      await page.locator(".hit").first().waitFor();
      const toast = page.locator(".toast:visible");
      await toast.waitFor();
      expect(await faultsOf(page)).toEqual([]);
      for (const place of ["top", "results", "bottom"]) {
        await page.evaluate((to) => {
          const results = document.querySelector(".search__hits");
          if (to === "results") results?.scrollIntoView({ block: "center" });
          else scrollTo(0, to === "top" ? 0 : document.body.scrollHeight);
        }, place);
        const hidden = await page.evaluate(() => {
          const box = document.querySelector(".toast:last-child")?.getBoundingClientRect();
          const head = document.querySelector(".masthead")?.getBoundingClientRect();
          const isInside =
            box !== undefined &&
            head !== undefined &&
            box.top >= head.top &&
            box.bottom <= head.bottom;
          return isInside ? [] : ["the notice leaves the head of the page"];
        });
        expect(hidden, place).toEqual([]);
      }

      const hits = page.getByRole("list", { name: "Search results" });
      await page.getByRole("searchbox").focus();
      await page.keyboard.press("Tab");
      expect(await hits.evaluate((list) => list === document.activeElement)).toBe(true);
      await page.keyboard.press("End");
      await page.waitForFunction(
        () => (document.querySelector(".search__hits")?.scrollTop ?? 0) > 100,
      );

      const shown = await page.locator(".desk__main").innerText();
      const log = await page.locator(".log__lines").innerText();
      expect(log).toContain("Found 1,200 files");
      expect(await toast.innerText()).toContain("1,200 files");
      expect(shown).toContain("Found in 1,200 files; the best 20 are shown.");
      expect(shown.match(/\d{4,}/g) ?? []).toEqual([]);

      proxy.block();
      proxy.cut();
      await page.locator('[data-connection="reconnecting"]').waitFor();
      const run = page.getByRole("region", { name: "Run", exact: true });
      expect(await run.getAttribute("data-fresh")).toBe("true");
      expect(await run.innerText()).not.toContain("when last heard");
      const interruption = page.getByRole("region", { name: "Connection interrupted" });
      expect(await interruption.innerText()).toContain("This run has ended");
      expect(await faultsOf(page)).toEqual([]);
      proxy.restore();
      await page.locator('[data-connection="connected"]').waitFor();
      expect(job.faults).toEqual([]);
    },
  );

  test("the page without a build step has no fault that axe finds, and its long log scrolls by keys", async () => {
    await using browser: Browser = await startBrowser();
    const job = await openJobPage(browser.context, demo.url);
    await job.start({ path: "pictures", pace: "Full speed" });
    await job.status("done");
    const { page } = job;
    await page.goto(`${demo.url}/plain/`);
    await page.getByText("Skipped 59.bin: it is binary").waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.locator("#log").focus();
    await page.keyboard.press("Home");
    await page.waitForFunction(() => document.querySelector("#log")?.scrollTop === 0);
    const announced = page.locator('[role="status"], [role="alert"], [aria-live], output');
    expect((await announced.allInnerTexts()).join(" ")).not.toMatch(/%|bin/);
  });

  test("a run that still works is marked when the connection is lost", async () => {
    await using browser: Browser = await startBrowser();
    const job = await openJobPage(browser.context, proxy.url);
    await job.start({ path: "corpus", pace: "Slow" });
    await job.percentAtLeast(1);
    proxy.block();
    proxy.cut();
    await job.page.getByText("when last heard").waitFor();
    proxy.restore();
    await job.page.locator('[data-connection="connected"]').waitFor();
    await job.press("Cancel");
    await job.status("cancelled");
  });

  test("[P-CLOSE-3] a page shows within seconds that a service with running work has stopped", async () => {
    await using browser: Browser = await startBrowser();
    const job = await openJobPage(browser.context, demo.url);
    await job.start({ path: "corpus", pace: "Slow" });
    // The first step makes 6 %; then the run reports ten files a second for some seconds.
    await job.percentAtLeast(8);
    demo.signal("SIGSTOP");
    try {
      const began = performance.now();
      await job.page.getByText("when last heard").waitFor();
      expect(performance.now() - began).toBeLessThan(15_000);
      expect(await job.page.locator('[data-connection="connected"]').count()).toBe(0);
    } finally {
      demo.signal("SIGCONT");
    }
    await job.page.locator('[data-connection="connected"]').waitFor();
    await job.status("running");
    await job.press("Cancel");
    await job.status("cancelled");
  });
});
