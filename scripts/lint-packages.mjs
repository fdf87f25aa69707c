import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { workspaces } from "./workspaces.mjs";

for (const { folder, manifest } of workspaces()) {
  if (manifest.private) continue;
  const { messages } = await publint({ pkgDir: folder, strict: true, pack: "npm" });
  for (const message of messages) {
    console.error(`${manifest.name}: ${formatMessage(message, manifest)}`);
    process.exitCode = 1;
  }
}
