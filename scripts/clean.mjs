// Removes everything that builds, type checks and tests write. Unlike `tsc -b --clean`, it also removes the outputs of
// sources that no longer exist, and what Vite built.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { root, workspaces } from "./workspaces.mjs";

for (const folder of [root, ...workspaces().map((workspace) => workspace.folder)]) {
  for (const output of ["dist", ".tsbuild", ".test-results"]) {
    rmSync(join(folder, output), { recursive: true, force: true });
  }
}
