import { printable } from "@milepost/server";
import { Command } from "commander";
import { Api } from "../api.ts";
import { jsonLine } from "../carried-output.ts";
import type { Terminal } from "../terminal.ts";

interface EndFlags {
  readonly reason?: string;
  readonly url?: string;
  readonly json?: true;
}

interface Ended {
  readonly channel: string;
  readonly position: string;
  readonly reason: string;
  readonly duplicate: boolean;
}

/** Creates the command `milepost end`, which ends the stream of a channel. */
export function endCommand(terminal: Terminal): Command {
  return new Command("end")
    .description(
      "Ends a channel's stream with the API key of MILEPOST_API_KEY. Its subscribers receive the end, and nothing more can be published to it.",
    )
    .argument("<channel>", "name of the channel, for example chat:42")
    .option("--reason <text>", "reason that the subscribers receive (default: complete)")
    .option("--url <url>", "URL of the gateway (MILEPOST_URL)")
    .option("--json", "print JSON")
    .action(async (channel: string, { reason, url, json }: EndFlags) => {
      const path = `/v1/channels/${encodeURIComponent(channel)}/end`;
      const ended = await new Api(terminal, url).post<Ended>(path, {
        ...(reason !== undefined && { reason }),
      });
      terminal.out(
        json
          ? jsonLine(ended)
          : printable(
              `${ended.position} ${ended.reason}${ended.duplicate ? " (the channel had already ended)" : ""}`,
            ),
      );
    });
}
