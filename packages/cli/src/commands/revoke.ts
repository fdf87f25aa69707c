import { Command } from "commander";
import { Api } from "../api.ts";
import { mustNameOne } from "../one-target.ts";
import { integerFrom } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";

interface Flags {
  readonly url?: string;
  readonly user?: string;
  readonly session?: string;
  readonly token?: string;
  readonly grant?: string[];
  readonly ttl?: number;
}

const yearHours = 24 * 365;

/** Creates the command `milepost revoke`, which revokes what issued tokens allow. */
export function revokeCommand(terminal: Terminal): Command {
  return new Command("revoke")
    .description(
      "Revokes what tokens issued until now allow: all tokens of a user or a session, or one token.",
    )
    .option("--user <id>", "tokens of this user")
    .option("--session <id>", "tokens of this session")
    .option("--token <jti>", "the token with this jti")
    .option("--grant <pattern...>", "revoke only these granted patterns")
    .option(
      "--ttl <hours>",
      "lifetime of your longest-lived token, in hours (default: 24)",
      integerFrom(1, yearHours),
    )
    .option("--url <url>", "URL of the gateway (MILEPOST_URL)")
    .action(async ({ url, grant, ttl, user, session, token }: Flags) => {
      const whose = { user, session, token };
      mustNameOne(whose);
      await new Api(terminal, url).post("/v1/revoke", {
        ...whose,
        ...(grant === undefined ? {} : { grants: grant }),
        ...(ttl === undefined ? {} : { ttl_ms: ttl * 3_600_000 }),
      });
      terminal.out("revoked");
    });
}
