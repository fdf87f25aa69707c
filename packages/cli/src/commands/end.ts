import { Command } from "commander";
import { Api } from "../api.ts";
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

/** `milepost end`: completes the stream of a channel. */
export function endCommand(terminal: Terminal): Command {
  return new Command("end")
    .description(
      "Ends a channel's stream with the API key of MILEPOST_API_KEY: its readers are told, and nothing can be published to it any more.",
    )
    .argument("<channel>", "which, for example chat:42")
    .option("--reason <text>", "what the readers are told; complete when absent")
    .option("--url <url>", "the gateway (MILEPOST_URL)")
    .option("--json", "print JSON")
    .action(async (channel: string, { reason, url, json }: EndFlags) => {
      const path = `/v1/channels/${encodeURIComponent(channel)}/end`;
      const ended = await new Api(terminal, url).post<Ended>(path, {
        ...(reason !== undefined && { reason }),
      });
      terminal.out(
        json
          ? JSON.stringify(ended)
          : `${ended.position} ${ended.reason}${ended.duplicate ? " (it had ended before)" : ""}`,
      );
    });
}
