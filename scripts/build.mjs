import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { root, workspaces } from "./workspaces.mjs";

const require = createRequire(import.meta.url);

/**
 * @param {string} cwd
 * @param {string} script
 * @param {string[]} args
 */
function run(cwd, script, ...args) {
  const { status } = spawnSync(process.execPath, [script, ...args], {
    cwd,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) process.exit(status ?? 1);
}

run(root, require.resolve("typescript/bin/tsc"), "-b", "tsconfig.build.json");

for (const { folder } of workspaces()) {
  if (!existsSync(join(folder, "vite.config.ts"))) continue;
  const vite = createRequire(join(folder, "package.json")).resolve("vite/package.json");
  run(folder, join(dirname(vite), "bin/vite.js"), "build", "--logLevel", "warn");
}
