import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { compiler } from "./compiler.mjs";
import { runStep } from "./run-step.mjs";
import { root, workspaces } from "./workspaces.mjs";

const began = performance.now();

/** @param {number} since */
function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

/** @type {{ what: string, since: number } | undefined} */
let current;

/** Prints one line for the step that ends now. */
function endStep() {
  if (current !== undefined) console.log(`  ${current.what.padEnd(34)} ${seconds(current.since)}`);
  current = undefined;
}

/** @param {string} what */
function beginStep(what) {
  endStep();
  current = { what, since: performance.now() };
}

/**
 * Turns the compiler's lines into steps: one for each project that it compiles. Its complaints are printed as they are.
 *
 * @param {string} line
 */
function compilerLine(line) {
  const [, building] = /Building project '(.+?)'/.exec(line) ?? [];
  if (building !== undefined) beginStep(relative(root, dirname(resolve(root, building))));
  else if (/ - (Project|Updating|Skipping)/.test(line)) endStep();
  else if (line.trim() !== "" && !/^ +\* /.test(line)) console.log(line);
}

console.log("Building:");
await runStep(
  root,
  compilerLine,
  compiler,
  "-b",
  "--verbose",
  "--pretty",
  "false",
  "tsconfig.build.json",
);
endStep();

for (const { folder } of workspaces()) {
  if (!existsSync(join(folder, "vite.config.ts"))) continue;
  const vite = createRequire(join(folder, "package.json")).resolve("vite/package.json");
  beginStep(`${relative(root, folder)}, its page`);
  await runStep(
    folder,
    (line) => console.log(line),
    join(dirname(vite), "bin/vite.js"),
    ...["build", "--logLevel", "warn"],
  );
  endStep();
}
console.log(`Built in ${seconds(began)}.`);
