import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
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

for (const example of readdirSync(join(root, "examples"))) {
  const folder = join(root, "examples", example);
  if (!existsSync(join(folder, "vite.config.ts"))) continue;
  const vite = createRequire(join(folder, "package.json")).resolve("vite/package.json");
  run(folder, join(dirname(vite), "bin/vite.js"), "build", "--logLevel", "warn");
}
