import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { root, workspaces } from "./workspaces.mjs";

const licence = readFileSync(join(root, "LICENSE"), "utf8");

for (const { folder, manifest } of workspaces()) {
  if (manifest.private) continue;
  /** @param {string} message */
  const complain = (message) => {
    console.error(`${manifest.name}: ${message}`);
    process.exitCode = 1;
  };
  const { messages } = await publint({ pkgDir: folder, strict: true, pack: "npm" });
  for (const message of messages) complain(formatMessage(message, manifest) ?? message.code);
  // npm packs a file of this name whatever `files` says, but not a link to one.
  const copy = join(folder, "LICENSE");
  if (!existsSync(copy) || readFileSync(copy, "utf8") !== licence) {
    complain("its LICENSE is missing or differs from the one at the root; copy that file");
  }
}
