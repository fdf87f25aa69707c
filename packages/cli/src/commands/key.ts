import { randomBytes } from "node:crypto";
import { hashOfApiKey } from "@milepost/server";
import { Command } from "commander";
import { jsonLine } from "../carried-output.ts";
import type { Terminal } from "../terminal.ts";

/** Creates the command `milepost key`, which makes an API key and its hash for the configuration. */
export function keyCommand(terminal: Terminal): Command {
  return new Command("key")
    .description("Makes an API key, and the hash of it that stands in the configuration.")
    .option("--json", "print JSON with the key and its hash")
    .action((flags: { readonly json?: true }) => {
      const key = randomBytes(32).toString("base64url");
      const hash = hashOfApiKey(key);
      if (flags.json) terminal.out(jsonLine({ key, hash }));
      else {
        terminal.out(`key   ${key}`);
        terminal.out(`hash  ${hash}`);
      }
    });
}
