// Builds the packages and packs each published one into the folder `tarballs`, as a release would.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runScript } from "./vitest.mjs";
import { root, workspaces } from "./workspaces.mjs";

if (runScript(join(root, "scripts/build.mjs")) !== 0) process.exit(1);

const target = join(root, "tarballs");
rmSync(target, { recursive: true, force: true });
mkdirSync(target);
const published = workspaces().filter(({ manifest }) => !manifest.private);
const { status } = spawnSync(
  "npm",
  [
    ...["pack", "--silent", "--pack-destination", target],
    ...published.flatMap(({ manifest }) => ["--workspace", manifest.name]),
  ],
  { cwd: root, stdio: ["ignore", "inherit", "inherit"], shell: process.platform === "win32" },
);
if (status !== 0) process.exit(status ?? 1);
console.log(`Packed ${published.length} packages into ${target}`);
