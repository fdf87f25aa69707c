import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { endWithThisProcess } from "@milepost/redis/testing";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { chromiumPath, startBrowser } from "./fixtures/browser.ts";

const main = fileURLToPath(new URL("../../examples/chat/dist/main.js", import.meta.url));

async function startChat(wordMs: number) {
  const child = spawn(process.execPath, [main, "--port", "0"], {
    env: { ...process.env, WORD_MS: String(wordMs) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  endWithThisProcess(child);
  let printed = "";
  let url: string | undefined;
  while (url === undefined) {
    const [chunk] = (await once(child.stdout, "data")) as [Buffer];
    printed += chunk.toString("utf8");
    [, url] = /running: (\S+)\n/.exec(printed) ?? [];
  }
  return {
    url,
    async [Symbol.asyncDispose]() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Frames of the WebSockets that a page opens. */
function framesOf(page: Page) {
  const sent: string[] = [];
  const received: string[] = [];
  page.on("websocket", (socket) => {
    socket.on("framesent", ({ payload }) => sent.push(String(payload)));
    socket.on("framereceived", ({ payload }) => received.push(String(payload)));
  });
  return { sent, received };
}

describe.skipIf(chromiumPath === undefined)("the chat example", () => {
  test("[P-LIT-1] [P-RPC-9] a page with the store and one without an SDK share a room with an agent; a reload in the middle of an answer resumes it", async () => {
    await using chat = await startChat(70);
    await using browser = await startBrowser();
    browser.context.setDefaultTimeout(15_000);
    const page = await browser.context.newPage();
    const frames = framesOf(page);
    await page.goto(`${chat.url}/#room=lisbon&name=Ada`);
    await page.getByText("live").waitFor();
    await page.getByLabel("Your question").fill("What should I see?");
    await page.getByLabel("Your question").press("Enter");
    await page.locator(".message.assistant").waitFor();
    await page.getByText("Answering").waitFor();

    const shown = await page.locator(".message.assistant").innerText();
    frames.sent.length = 0;
    frames.received.length = 0;
    await page.reload();
    await page.locator(".message.assistant").waitFor();
    expect((await page.locator(".message.assistant").innerText()).length).toBeGreaterThanOrEqual(
      shown.replace(/…$/, "").length,
    );
    await page.locator('.message.assistant[aria-busy="false"]').waitFor();
    const text = await page.locator(".message.assistant").innerText();
    expect(text).toContain("You asked: “What should I see?”. I take it word by word");
    expect(text).toMatch(/whenever you like\.|no model was consulted\.|simulate today\.$/);
    expect(frames.sent.join()).toMatch(/"subscribe"[^}]*"since":"/);
    expect(frames.received.join()).toContain('"recovered":true');
    expect(frames.received.join()).not.toContain('"snapshot"');

    const literal = await browser.context.newPage();
    await literal.goto(`${chat.url}/literal/#room=lisbon&name=Bob`);
    await literal.getByText("live").waitFor();
    expect(await literal.getByRole("listitem").count()).toBe(2);
    await literal.getByLabel("Your question").pressSequentially("And");
    await page.getByText("Bob types…").waitFor();
    await page.getByLabel("Your question").pressSequentially("Me too");
    await literal.getByText("Ada typing…").waitFor();
    await literal.getByLabel("Your question").fill("And where do I eat?");
    await literal.getByRole("button", { name: "Send" }).click();
    await page.locator(".message.user").nth(1).waitFor();
    await page.locator(".message.assistant").nth(1).waitFor();
    await page.bringToFront();
    await page.getByRole("button", { name: "Stop" }).press("Enter");
    await literal.getByText("… (stopped)").waitFor();
    await page.getByText("The agent is idle.").waitFor();

    // A newcomer of the same room has everything from the snapshot, the other visitor of this browser none of Ada's drafts.
    const late = await browser.context.newPage();
    await late.goto(`${chat.url}/#room=lisbon&name=Cem`);
    await late.locator(".message").nth(3).waitFor();
    expect(await late.getByLabel("Your question").inputValue()).toBe("");

    const axe = await readFile(
      createRequire(import.meta.url).resolve("axe-core/axe.min.js"),
      "utf8",
    );
    for (const [width, height] of [
      [1280, 900],
      [375, 720],
    ] as const) {
      for (const colorScheme of ["light", "dark"] as const) {
        await late.setViewportSize({ width, height });
        await late.emulateMedia({ colorScheme });
        await late.evaluate(axe);
        const { violations } = await late.evaluate(() =>
          (globalThis as unknown as { axe: { run(at: Document): Promise<AxeResults> } }).axe.run(
            document,
          ),
        );
        expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
        expect(
          await late.evaluate(
            () => document.documentElement.scrollWidth <= document.documentElement.clientWidth,
          ),
        ).toBe(true);
        const folder = process.env.MILEPOST_PICTURES;
        if (folder !== undefined) {
          await late.screenshot({ path: `${folder}/chat-${width}-${colorScheme}.png` });
        }
      }
    }
  });
});
