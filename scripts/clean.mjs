import { readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const nested = ["packages", "examples"].flatMap((parent) =>
  readdirSync(join(root, parent)).map((name) => join(root, parent, name)),
);

const single = ["bench", "checker", "e2e", "sim"].map((name) => join(root, name));

for (const folder of [root, ...single, ...nested]) {
  for (const output of ["dist", ".tsbuild", ".test-results"]) {
    rmSync(join(folder, output), { recursive: true, force: true });
  }
}
