import {
  type Priority,
  type PublicationToSign,
  type SigningKey,
  signPublication,
} from "@milepost/protocol";
import { printable } from "@milepost/server";
import { Command, Option } from "commander";
import { Api } from "../api.ts";
import { jsonLine } from "../carried-output.ts";
import { json, jsonOfInput } from "../option-values.ts";
import { signingKeyFrom } from "../signing-key.ts";
import type { Terminal } from "../terminal.ts";

const priorities = ["high", "normal", "low"] as const satisfies readonly Priority[];

interface PublishFlags {
  readonly priority?: Priority;
  readonly key?: string;
  readonly sign?: true;
  readonly url?: string;
  readonly json?: true;
}

interface Published {
  readonly results: readonly [
    { readonly channel: string; readonly position: string; readonly duplicate: boolean },
  ];
}

/** Creates the command `milepost publish`, which publishes one event. */
export function publishCommand(terminal: Terminal): Command {
  return new Command("publish")
    .description("Publishes an event with the API key of MILEPOST_API_KEY.")
    .argument("<channel>", "name of the channel, for example chat:42")
    .argument("<event>", "name of the event, for example chat_message")
    .argument("[data]", 'data as JSON (default: null); "-" reads it from standard input')
    .option("--key <key>", "dedupe key: repeating the key creates no second entry")
    .addOption(
      new Option(
        "--priority <priority>",
        "priority for slow subscribers, instead of the channel's own",
      ).choices(priorities),
    )
    .option("--sign", "sign the request and the publication with the key of MILEPOST_SIGNING_KEY")
    .option("--url <url>", "URL of the gateway (MILEPOST_URL)")
    .option("--json", "print JSON")
    .action(
      async (channel: string, event: string, text: string | undefined, flags: PublishFlags) => {
        const data = text === "-" ? jsonOfInput(await terminal.input()) : json(text ?? "null");
        const publication = {
          channel,
          event,
          data,
          ...(flags.key !== undefined && { key: flags.key }),
          ...(flags.priority !== undefined && { priority: flags.priority }),
        };
        const api = new Api(terminal, flags.url);
        const { results } = await (flags.sign === true
          ? publishSigned(api, publication, signingKeyFrom(terminal))
          : api.post<Published>("/v1/publish", publication));
        const [published] = results;
        terminal.out(
          flags.json
            ? jsonLine(published)
            : printable(
                `${published.position}${published.duplicate ? " (already published with this key)" : ""}`,
              ),
        );
      },
    );
}

async function publishSigned(
  api: Api,
  publication: PublicationToSign,
  key: SigningKey,
): Promise<Published> {
  const sig = await signPublication(key, publication);
  return api.postSigned<Published>("/v1/publish", { ...publication, sig }, key);
}
