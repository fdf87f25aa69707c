// Removes everything that builds, type checks, tests and packing write. Unlike `tsc -b --clean`, it also removes the outputs of
// sources that no longer exist, and what Vite built.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { root, workspaces } from "./workspaces.mjs";

for (const folder of [root, ...workspaces().map((workspace) => workspace.folder)]) {
  for (const output of ["dist", ".tsbuild", ".test-results", "tarballs"]) {
    rmSync(join(folder, output), { recursive: true, force: true });
  }
}
