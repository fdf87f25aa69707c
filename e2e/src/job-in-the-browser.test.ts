import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Browser, chromiumPath, startBrowser } from "./fixtures/browser.ts";
import { type CuttableProxy, startCuttableProxy } from "./fixtures/cuttable-proxy.ts";
import { type Demo, startDemo } from "./fixtures/demo.ts";
import { type JobPage, openJobPage } from "./fixtures/job-page.ts";
import { contiguous } from "./fixtures/seen-positions.ts";

/**
 * Creates the demo's folder. Its files are enough that a paced run can be watched, cut, reloaded and steered,
 * and few enough that a run at full speed ends at once.
 */
async function makeFolder(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "milepost-e2e-"));
  for (let i = 0; i < 200; i++) {
    const folder = join(root, "corpus", `part-${i % 10}`);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `file-${i}.txt`), `milestone number ${i} on the long road\n`);
  }
  await writeFile(join(root, "corpus", "picture.bin"), new Uint8Array([0, 1, 2, 0, 3]));
  return root;
}

/** Checks that the page received each of the run's events once, in order, with none missing. */
async function expectEachEventOnce(job: JobPage, operation: string): Promise<void> {
  const { offsets, snapshots } = job.seen.of(`operation:${operation}`);
  expect(contiguous(offsets, snapshots)).toEqual({ holes: [], repeats: [] });
  const seqs = await job.logSeqs();
  expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
}

describe.skipIf(chromiumPath === undefined)("a real job in a real browser", () => {
  let root: string;
  let demo: Demo;
  let proxy: CuttableProxy;
  let browser: Browser;

  beforeAll(async () => {
    root = await makeFolder();
    demo = await startDemo({ MILEPOST_DEMO_ROOT: root });
    proxy = await startCuttableProxy(() => demo.port);
    browser = await startBrowser();
  });

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
    await demo?.[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  });

  test("a person starts a job, watches it to its end and searches its result", async () => {
    const job = await openJobPage(browser.context, demo.url);
    const operation = await job.start({ path: "corpus", pace: "Full speed" });
    await job.status("done");
    expect(await job.percent()).toBe(100);
    await expectEachEventOnce(job, operation);
    await job.page.getByRole("searchbox").fill("milestone 137");
    await job.page.getByText("part-7/file-137.txt").first().waitFor();
    await job.page.getByRole("button", { name: /Warnings/ }).click();
    await job.page.getByText("picture.bin").first().waitFor();
    expect(job.faults).toEqual([]);
    await job.page.close();
  });

  test("a page that is reloaded in the middle of a run shows the same run and its progress", async () => {
    const job = await openJobPage(browser.context, demo.url);
    const operation = await job.start({ path: "corpus", pace: "Watchable" });
    await job.percentAtLeast(10);
    await job.page.reload();
    await job.status("running");
    expect(await job.operationId()).toBe(operation);
    expect(await job.percent()).toBeGreaterThanOrEqual(10);
    await job.status("done");
    await expectEachEventOnce(job, operation);
    expect(job.faults).toEqual([]);
    await job.page.close();
  });

  test("a connection cut in the middle resumes, and each event is seen once and in order [G4]", async () => {
    const job = await openJobPage(browser.context, proxy.url);
    const operation = await job.start({ path: "corpus", pace: "Watchable" });
    await job.percentAtLeast(5);
    const before = job.seen.of(`operation:${operation}`);
    proxy.block();
    expect(proxy.cut()).toBeGreaterThan(0);
    await job.page.locator('[data-connection="reconnecting"]').waitFor();
    proxy.restore();
    await job.page.locator('[data-connection="connected"]').waitFor();
    await job.status("done");
    const after = job.seen.of(`operation:${operation}`);
    expect(after.sockets).toBeGreaterThan(before.sockets);
    // No snapshot replaced any events, so the resume was contiguous.
    expect(after.snapshots.length).toBe(before.snapshots.length);
    await expectEachEventOnce(job, operation);
    expect(job.faults).toEqual([]);
    await job.page.close();
  });

  test("a second tab shows the same run and follows it", async () => {
    const first = await openJobPage(browser.context, demo.url);
    const operation = await first.start({ path: "corpus", pace: "Watchable" });
    await first.percentAtLeast(5);
    const second = await openJobPage(browser.context, first.page.url());
    await second.status("running");
    expect(await second.operationId()).toBe(operation);
    await second.press("Pause");
    await first.status("paused");
    await first.press("Resume");
    await second.status("running");
    await Promise.all([first.status("done"), second.status("done")]);
    for (const job of [first, second]) await expectEachEventOnce(job, operation);
    const logs = await Promise.all([first.logSeqs(), second.logSeqs()]);
    expect(logs[1]).toEqual(logs[0]);
    await first.page.close();
    await second.page.close();
  });

  test("cancel stops the work, and retry runs it to the end", async () => {
    const job = await openJobPage(browser.context, demo.url);
    const operation = await job.start({ path: "corpus", pace: "Watchable" });
    await job.percentAtLeast(5);
    await job.press("Cancel");
    await job.status("cancelled");
    await job.press("Retry");
    await job.status("running");
    expect(await job.operationId()).toBe(operation);
    await job.page.getByText("attempt 2", { exact: true }).waitFor();
    await job.status("done");
    await expectEachEventOnce(job, operation);
    await job.page.close();
  });

  test("the second job waits, shows its place in the queue, and can be cancelled while it waits", async () => {
    const first = await openJobPage(browser.context, demo.url);
    const running = await first.start({ path: "corpus", pace: "Slow" });
    await first.percentAtLeast(1);
    const waiting = await first.start({ path: "corpus/part-1", pace: "Full speed" });
    expect(waiting).not.toBe(running);
    await first.status("waiting");
    await first.page
      .getByRole("region", { name: "Run", exact: true })
      .getByText(/next|1/i)
      .first()
      .waitFor();
    await first.press("Cancel");
    await first.status("cancelled");
    await first.page.goto(`${demo.url}/#run=${running}`);
    await first.status("running");
    await first.press("Cancel");
    await first.status("cancelled");
    await first.page.close();
  });

  test("a folder outside the allowed root is refused with a clear message, and the page stays usable", async () => {
    const job = await openJobPage(browser.context, demo.url);
    await job.page.getByLabel("Folder path").fill("../../etc");
    await job.page.getByRole("button", { name: "Start indexing" }).click();
    const refusal = job.page.getByRole("alert").filter({ hasText: /only folders inside/ });
    await refusal.waitFor();
    await job.start({ path: "corpus/part-1", pace: "Full speed" });
    await job.status("done");
    await job.page.close();
  });

  test("a person can steer the whole run by keyboard alone", async () => {
    const job = await openJobPage(browser.context, demo.url);
    const { page } = job;
    const tabTo = async (name: string) => {
      for (let i = 0; i < 60; i++) {
        await page.keyboard.press("Tab");
        const focused = await page.evaluate(() => document.activeElement?.textContent ?? "");
        if (focused.trim() === name) return;
      }
      throw new Error(`no Tab leads to ${name}`);
    };
    await page.getByLabel("Folder path").fill("corpus");
    await page.getByRole("radio", { name: "Watchable" }).focus();
    await tabTo("Start indexing");
    await page.keyboard.press("Enter");
    await job.percentAtLeast(1);
    await job.status("running");
    await tabTo("Pause");
    await page.keyboard.press("Space");
    await job.status("paused");
    // The button now has another label and still has the focus.
    await page.keyboard.press("Space");
    await job.status("running");
    await tabTo("Cancel");
    await page.keyboard.press("Enter");
    await job.status("cancelled");
    await page.close();
  });

  test("the page without a build step follows the same run through a bare WebSocket", async () => {
    const job = await openJobPage(browser.context, demo.url);
    const operation = await job.start({ path: "corpus", pace: "Watchable" });
    await job.percentAtLeast(5);
    const plain = await browser.context.newPage();
    const faults: string[] = [];
    plain.on("pageerror", (error) => faults.push(error.message));
    await plain.goto(`${demo.url}/plain/`);
    await plain
      .getByText(/running/i)
      .first()
      .waitFor();
    await job.status("done");
    await plain.getByText(/done/i).first().waitFor();
    expect(faults).toEqual([]);
    await expectEachEventOnce(job, operation);
    await plain.close();
    await job.page.close();
  });
});
