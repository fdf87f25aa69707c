import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { root } from "./workspaces.mjs";

const step = join(root, "scripts/run-step.mjs");

/** Returns a folder with scripts, which is removed with the test. */
function folderOf(
  scripts: Readonly<Record<string, string>>,
): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "milepost-step-"));
  for (const [name, text] of Object.entries(scripts)) writeFileSync(join(path, name), text);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

const first = (name: string) =>
  `import { runStep } from ${JSON.stringify(step)};
await runStep(".", (line) => console.log(line), "${name}");
console.log("after");`;

it.each(["SIGTERM", "SIGINT"] as const)(
  "%s to a process that runs a step ends the step and what it has started",
  async (signal) => {
    using folder = folderOf({
      "first.mjs": first("step.mjs"),
      "step.mjs": `import { spawn } from "node:child_process";
spawn(process.execPath, ["work.mjs"], { stdio: "inherit" });
setInterval(() => {}, 60_000);`,
      "work.mjs": `console.log("at work"); setInterval(() => {}, 60_000);`,
    });
    const child = spawn(process.execPath, ["first.mjs"], { cwd: folder.path });
    const ended = new Promise((resolve) => child.once("close", (_, by) => resolve(by)));
    for await (const line of createInterface({ input: child.stdout })) {
      expect(line).toBe("at work");
      child.kill(signal);
    }
    // Both hold the other end of the pipe, so it closes only once they are gone.
    expect(await ended).toBe(signal);
  },
);

it("a step that fails ends the process with its exit code, and a step that ends leaves no listener behind", async () => {
  using folder = folderOf({
    "first.mjs": `import { runStep } from ${JSON.stringify(step)};
await runStep(".", (line) => console.log(line), "good.mjs");
console.log(process.listenerCount("SIGTERM") + process.listenerCount("SIGINT"));
await runStep(".", () => {}, "bad.mjs");
console.log("after");`,
    "good.mjs": `console.log("good");`,
    "bad.mjs": "process.exit(7);",
  });
  const child = spawn(process.execPath, ["first.mjs"], { cwd: folder.path });
  const ended = new Promise((resolve) => child.once("close", resolve));
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) lines.push(line);
  expect([lines, await ended]).toEqual([["good", "0"], 7]);
});
