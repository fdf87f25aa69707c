import {
  type DeadLetterPage,
  type DeadLetterView,
  type ManyDeadLetters,
  printable,
  type Replayed,
} from "@milepost/server";
import { Command } from "commander";
import { Api } from "../api.ts";
import { jsonBlock, jsonLine, jsonTextLine } from "../carried-output.ts";
import { CommandFailure, exitCodes } from "../exit-codes.ts";
import { integerFrom } from "../option-values.ts";
import { table } from "../table.ts";
import type { Terminal } from "../terminal.ts";

interface SharedFlags {
  readonly url?: string;
  readonly json?: true;
}

interface Filter {
  readonly channel?: string;
  readonly subscriber?: string;
  readonly reason?: string;
}

interface ListFlags extends SharedFlags, Filter {
  readonly limit?: number;
  readonly after?: string;
}

const root = "/v1/dead-letters";

/** Creates the command `milepost dlq`, which lists, shows, replays and drops dead letters. */
export function dlqCommand(terminal: Terminal): Command {
  const shared = (command: Command) =>
    command
      .option("--url <url>", "URL of the gateway (MILEPOST_URL)")
      .option("--json", "print JSON");
  const filtered = (command: Command) =>
    shared(command)
      .option("--channel <name>", "dead letters of this channel")
      .option("--subscriber <name>", "dead letters of the durable subscriber with this name")
      .option(
        "--reason <reason>",
        "dead letters with this reason: the whole reason, or its part before the first colon",
      );

  const list = filtered(new Command("list"))
    .description("Lists dead letters, oldest first.")
    .option("--limit <n>", "list at most n dead letters", integerFrom(1, 1_000))
    .option("--after <id>", "list only dead letters after this one")
    .action(async ({ url, json: asJson, ...filter }: ListFlags) => {
      const api = new Api(terminal, url);
      if (asJson) {
        terminal.out(jsonTextLine(await api.text(root, { ...filter })));
        return;
      }
      const page = await api.get<DeadLetterPage>(root, { ...filter });
      for (const line of table(columns, page.letters.map(rowOf))) terminal.out(line);
      if (page.next !== undefined) terminal.out(printable(`more: --after ${page.next}`));
      if (page.dropped > 0)
        terminal.out(`${page.dropped} older dead letters were dropped to stay within the bounds`);
    });

  const show = shared(new Command("show"))
    .description("Shows one dead letter.")
    .argument("<id>", "id of the dead letter")
    .action(async (id: string, { url, json: asJson }: SharedFlags) => {
      const text = await new Api(terminal, url).text(pathOf(id));
      terminal.out(asJson ? jsonTextLine(text) : jsonBlock(text));
    });

  const replay = filtered(new Command("replay"))
    .description(
      "Replays one dead letter, or all that the options select: delivers or publishes it again.",
    )
    .argument("[id]", "id of the dead letter")
    .action(async (id: string | undefined, { url, json: asJson, ...filter }: ListFlags) => {
      const api = new Api(terminal, url);
      if (id !== undefined) {
        const replayed = await api.post<Replayed>(`${pathOf(id)}/replay`);
        terminal.out(
          asJson ? jsonLine(replayed) : printable(`${replayed.id} replayed to its ${replayed.to}`),
        );
        return;
      }
      const done = await inPages(filter, (query) => api.post(`${root}/replay?${query}`));
      report(done, "replayed", asJson);
    });

  const drop = filtered(new Command("drop"))
    .description("Drops one dead letter, or all that the options select.")
    .argument("[id]", "id of the dead letter")
    .action(async (id: string | undefined, { url, json: asJson, ...filter }: ListFlags) => {
      const api = new Api(terminal, url);
      if (id !== undefined) {
        await api.delete(pathOf(id));
        terminal.out(asJson ? jsonLine({ id }) : `${id} dropped`);
        return;
      }
      const done = await inPages(filter, (query) => api.delete(`${root}?${query}`));
      report(done, "dropped", asJson);
    });

  function report({ done, failed }: ManyDeadLetters, what: string, asJson: true | undefined): void {
    if (asJson) terminal.out(jsonLine({ done, failed }));
    else {
      terminal.out(`${done} ${what}`);
      for (const { id, error } of failed) terminal.err(printable(`${id}: ${error.message}`));
    }
    if (failed.length > 0) {
      throw new CommandFailure(`${failed.length} dead letters could not be ${what}`);
    }
  }

  return new Command("dlq")
    .description("Lists, shows, replays and drops dead letters.")
    .addCommand(list, { isDefault: true })
    .addCommand(show)
    .addCommand(replay)
    .addCommand(drop);
}

const columns = ["ID", "AT", "CHANNEL", "SUBSCRIBER", "TRIES", "REASON"];

function rowOf({ id, at, channel, subscriber = "-", attempts, reason }: DeadLetterView) {
  return [id, new Date(at).toISOString(), channel, subscriber, `${attempts}`, reason];
}

/** Calls `page` for all dead letters that a filter selects, up to 1,000 per call, and adds up the results. */
async function inPages(
  { channel, subscriber, reason }: Filter,
  page: (query: string) => Promise<ManyDeadLetters>,
): Promise<ManyDeadLetters> {
  const named = Object.entries({ channel, subscriber, reason }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  if (named.length === 0) {
    throw new CommandFailure(
      "name a dead letter, or select dead letters with --channel, --subscriber or --reason",
      exitCodes.usage,
    );
  }
  let done = 0;
  const failed: ManyDeadLetters["failed"][number][] = [];
  for (let after: string | undefined; ; ) {
    const search = new URLSearchParams([...named, ["limit", "1000"]]);
    if (after !== undefined) search.set("after", after);
    const answer = await page(search.toString());
    done += answer.done;
    failed.push(...answer.failed);
    after = answer.next;
    if (after === undefined) return { done, failed };
  }
}

function pathOf(id: string): string {
  return `${root}/${encodeURIComponent(id)}`;
}
