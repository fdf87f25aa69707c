// Takes the README's picture of the page: a real browser shows how the demo indexes this repository.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { programEnvironment } from "./programs.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { chromium } = createRequire(join(root, "e2e/package.json"))("playwright-core");
const executablePath = programEnvironment().MILEPOST_CHROMIUM;
if (!executablePath) throw new Error("chromium is missing; npm test says how to get it");

const port = process.env.MILEPOST_PORT ?? "8799";
const demo = spawn(process.execPath, [join(root, "examples/index-folder/dist/main.js")], {
  env: { ...process.env, MILEPOST_PORT: port },
  stdio: "inherit",
});
const { endWithThisProcess, removeWithThisProcess } = await import("@milepost/redis/testing");
endWithThisProcess(demo);
const profile = mkdtempSync(join(tmpdir(), "milepost-picture-"));
removeWithThisProcess(profile);
const images = join(root, "docs/images");
mkdirSync(images, { recursive: true });

try {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    viewport: { width: 1280, height: 870 },
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  const page = await context.newPage();
  for (let tries = 0; tries < 100; tries++) {
    if (await page.goto(`http://127.0.0.1:${port}/`).catch(() => undefined)) break;
    await page.waitForTimeout(100);
  }
  const run = page.getByRole("region", { name: "Run", exact: true });
  /** @param {number} least */
  const percent = async (least) => {
    const shown = run.locator("[data-percent]");
    while (Number(await shown.getAttribute("data-percent")) < least) await page.waitForTimeout(50);
  };
  await page.getByRole("button", { name: "Start indexing" }).click();
  await percent(20);
  await run.getByRole("button", { name: "Pause" }).click();
  await run.locator('[data-status="paused"]').first().waitFor();
  await page.waitForTimeout(1_500);
  await run.getByRole("button", { name: "Resume" }).click();
  await percent(66);
  await page.screenshot({ path: join(images, "page.png") });
  await context.close();
} finally {
  demo.kill("SIGTERM");
  rmSync(profile, { recursive: true, force: true });
}
