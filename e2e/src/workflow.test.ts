import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Browser, chromiumPath, startBrowser } from "./fixtures/browser.ts";
import { type Studio, startStudio } from "./fixtures/studio.ts";

/** Opens the studio as a visitor with a browser context of its own, and returns the workflow in it. */
async function open(browser: Browser, url: string, visitor: string) {
  const page = await browser.context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  await page.goto(`${url}/?visitor=${visitor}`);
  const workflow = page.getByRole("region", { name: "Workflow" });
  await workflow.getByText("Saved", { exact: true }).waitFor();
  const id = (await page.evaluate((key) => localStorage.getItem(key), `userId:${visitor}`)) ?? "";
  return { page, workflow, faults, name: `visitor-${id.slice(-4)}` };
}

async function addStep(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: "Add step" }).click();
  await page.getByLabel("Name of the step").fill(name);
}

const step = (page: Page, name: string) => page.locator(".workflow-step", { hasText: name });
const names = (page: Page) => page.locator(".workflow-label").allTextContents();

describe.skipIf(chromiumPath === undefined)("the shared workflow of the studio", () => {
  let studio: Studio;
  let browser: Browser;

  beforeAll(async () => {
    studio = await startStudio();
    browser = await startBrowser();
  });

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await studio?.[Symbol.asyncDispose]();
  });

  test("two visitors edit at once, one is cut off meanwhile, and both end with the same workflow", async () => {
    const ada = await open(browser, studio.url, "11");
    const bob = await open(browser, studio.url, "12");
    await addStep(ada.page, "Fetch");
    await step(bob.page, "Fetch").waitFor();
    await ada.workflow.getByText(bob.name).first().waitFor();
    const session = await browser.context.newCDPSession(bob.page);
    await session.send("Network.enable");
    const offline = (isOffline: boolean) =>
      session.send("Network.emulateNetworkConditions", {
        offline: isOffline,
        latency: 0,
        downloadThroughput: -1,
        uploadThroughput: -1,
      });
    await offline(true);
    await bob.workflow.getByText(/^Offline/).waitFor();
    await addStep(bob.page, "Check offline");
    await bob.workflow.getByText("Offline, your edits are kept here").waitFor();
    await addStep(ada.page, "Store");
    await offline(false);
    await step(ada.page, "Check offline").waitFor();
    await step(bob.page, "Store").waitFor();
    expect((await names(ada.page)).toSorted()).toEqual((await names(bob.page)).toSorted());
    await bob.workflow.getByText("Saved", { exact: true }).waitFor();
    await ada.page.reload();
    await step(ada.page, "Check offline").waitFor();
    expect([...ada.faults, ...bob.faults]).toEqual([]);
    await ada.page.close();
    await bob.page.close();
  });

  test("a comment on a step is seen by everyone, notifies whom it names, and can be resolved", async () => {
    const ada = await open(browser, studio.url, "13");
    const bob = await open(browser, studio.url, "14");
    await addStep(ada.page, "Review");
    await bob.page.locator(".workflow-board").hover({ position: { x: 200, y: 300 } });
    await ada.page.locator(".workflow-cursor", { hasText: bob.name }).waitFor();
    await ada.page.getByLabel("New comment").fill(`Why this step, @${bob.name}?`);
    await ada.page.getByLabel("New comment").press("Enter");
    const panel = bob.page.getByRole("region", { name: "Live status" });
    await panel.getByText(`${ada.name} mentioned you`).waitFor();
    await bob.workflow.getByRole("button", { name: /^Review/ }).focus();
    await bob.page.getByLabel("Reply").fill("To be safe.");
    await bob.page.getByLabel("Reply").press("Enter");
    await ada.workflow.getByText("To be safe.").waitFor();
    await ada.page.getByRole("button", { name: "Resolve" }).click();
    await bob.workflow.getByText(`Resolved by ${ada.name}`).waitFor();
    expect([...ada.faults, ...bob.faults]).toEqual([]);
    await ada.page.close();
    await bob.page.close();
  });

  test("the workflow works with the keyboard alone on a phone in the dark, and nothing sticks out", async () => {
    const { page, faults } = await open(browser, studio.url, "15");
    await page.setViewportSize({ width: 390, height: 844 });
    await page.emulateMedia({ colorScheme: "dark" });
    await page.getByRole("button", { name: "Add step" }).focus();
    await page.keyboard.press("Enter");
    await page.getByLabel("Name of the step").focus();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type("By keyboard");
    const made = step(page, "By keyboard");
    await made.focus();
    const before = await made.boundingBox();
    await page.keyboard.press("ArrowDown");
    await expect.poll(async () => (await made.boundingBox())?.y).not.toBe(before?.y);
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow).toBe(0);
    await page.keyboard.press("Delete");
    await made.waitFor({ state: "detached" });
    expect(faults).toEqual([]);
    await page.close();
  });
});
