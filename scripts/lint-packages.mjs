import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const packages = join(dirname(fileURLToPath(import.meta.url)), "../packages");

for (const folder of readdirSync(packages)) {
  const pkgDir = join(packages, folder);
  if (!existsSync(join(pkgDir, "package.json"))) continue;
  const manifest = JSON.parse(readFileSync(join(pkgDir, "package.json"), "utf8"));
  if (manifest.private) continue;
  const { messages } = await publint({ pkgDir, strict: true, pack: "npm" });
  for (const message of messages) {
    console.error(`${manifest.name}: ${formatMessage(message, manifest)}`);
    process.exitCode = 1;
  }
}
