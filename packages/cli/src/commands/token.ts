import { Command, Option } from "commander";
import { jsonLine } from "../carried-output.ts";
import { durationMs, repeated } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";
import { tokenIssuer } from "../token-issuer.ts";

interface TokenFlags {
  readonly user?: string;
  readonly session?: string;
  readonly ttl: number;
  readonly subscribe?: readonly string[];
  readonly publish?: readonly string[];
  readonly role?: readonly string[];
  readonly config?: string;
  readonly json?: true;
}

/** Creates the command `milepost token`, which makes a user token with the configured secret. */
export function tokenCommand(terminal: Terminal): Command {
  return new Command("token")
    .description("Makes a user token and prints it.")
    .option("--user <id>", "id of the user (sub)")
    .option("--session <id>", "id of the session (sid)")
    .addOption(
      new Option("--ttl <duration>", "lifetime of the token, such as 90s, 15m, 12h or 7d")
        .argParser(durationMs)
        .default(3_600_000, "1h"),
    )
    .option(
      "--subscribe <pattern>",
      "pattern of channels that the token may also subscribe to (repeatable)",
      repeated,
    )
    .option(
      "--publish <pattern>",
      "pattern of channels that the token may also publish to (repeatable)",
      repeated,
    )
    .option("--role <name>", "role of the user, whom questions may be for (repeatable)", repeated)
    .option("--config <file>", "JSON file with settings, for the token secret (MILEPOST_CONFIG)")
    .option("--json", "print JSON with the token and its contents")
    .action(async (flags: TokenFlags) => {
      const { user, session, ttl, subscribe = [], publish = [], role: roles = [] } = flags;
      const tokens = tokenIssuer(terminal, flags.config);
      const token = await tokens.mint({
        ...(user !== undefined && { user }),
        ...(session !== undefined && { session }),
        ...((subscribe.length > 0 || publish.length > 0) && { channels: { subscribe, publish } }),
        ...(roles.length > 0 && { roles }),
        ttlMs: ttl,
      });
      const { expiresAt } = await tokens.verify(token);
      terminal.out(
        flags.json
          ? jsonLine({ token, user, session, subscribe, publish, roles, expires_at: expiresAt })
          : token,
      );
    });
}
