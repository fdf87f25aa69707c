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

/** `milepost revoke`: ends what tokens allow. */
export function revokeCommand(terminal: Terminal): Command {
  return new Command("revoke")
    .description("Ends what tokens issued until now allow: of a user, of a session, or one token.")
    .option("--user <id>", "those of this user")
    .option("--session <id>", "those of this session")
    .option("--token <jti>", "the one with this jti")
    .option("--grant <pattern...>", "only these patterns of what they grant")
    .option("--ttl <hours>", "how long the longest token lives; 24", integerFrom(1, yearHours))
    .option("--url <url>", "the gateway (MILEPOST_URL)")
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
