import type { InboxItem, InboxList, InboxMarked, Question } from "@milepost/model";
import { isRecord } from "@milepost/protocol";
import { printable } from "@milepost/server";
import { Command, Option } from "commander";
import { Api, secretFrom } from "../api.ts";
import { jsonLine } from "../carried-output.ts";
import { CommandFailure, exitCodes } from "../exit-codes.ts";
import { type Watched, watch } from "../live/live-view.ts";
import { durationMs, integerFrom } from "../option-values.ts";
import { table } from "../table.ts";
import type { Terminal } from "../terminal.ts";

interface SharedFlags {
  readonly user?: string;
  readonly url?: string;
  readonly json?: true;
}

interface ListFlags extends SharedFlags {
  readonly filter?: string;
  readonly limit?: number;
}

const columns = ["ITEM", "", "WHEN", "WHAT"];
const snoozeMs = 3_600_000;

/** Creates the command `milepost inbox`, which shows the inbox of a user, live too, and answers its questions. */
export function inboxCommand(terminal: Terminal): Command {
  const shared = (command: Command) =>
    command
      .option("--user <id>", "user whose inbox it is; by default the one of MILEPOST_TOKEN")
      .option("--url <url>", "URL of the gateway (MILEPOST_URL)")
      .option("--json", "print JSON");
  const api = ({ url }: SharedFlags) => new Api(terminal, url);
  const pathOf = ({ user }: SharedFlags) =>
    `/v1/users/${encodeURIComponent(user ?? ownUser(terminal))}/inbox`;
  const filtered = (command: Command) =>
    shared(command)
      .addOption(
        new Option("--filter <filter>", "only these items").choices([
          "unread",
          "open",
          "snoozed",
          "all",
        ]),
      )
      .option("--limit <n>", "at most n items", integerFrom(1, 100));
  const listOf = (flags: ListFlags) =>
    api(flags).get<InboxList>(pathOf(flags), { filter: flags.filter, limit: flags.limit });

  const list = filtered(new Command("list"))
    .description("Lists notifications and questions, newest first.")
    .action(async (flags: ListFlags) => {
      const page = await listOf(flags);
      if (flags.json) terminal.out(jsonLine(page));
      else for (const line of linesOf(page)) terminal.out(line);
    });

  const live = filtered(new Command("watch"))
    .description("Shows the inbox live until it is interrupted.")
    .option("--every <duration>", "time between two looks, such as 2s", durationMs, 1_000)
    .action(async (flags: ListFlags & { readonly every: number }) => {
      const watched: Watched<InboxList> = {
        everyMs: flags.every,
        look: () => listOf(flags),
        lines: linesOf,
        changes: ({ items }, before) => {
          const known = new Map(before?.items.map(({ id, revision }) => [id, revision]));
          const now = new Set(items.map(({ id }) => id));
          const news = items.filter(({ id, revision }) => known.get(id) !== revision).reverse();
          const gone = (before?.items ?? []).filter(({ id }) => !now.has(id));
          return flags.json
            ? [...gone.map(({ id }) => jsonLine({ gone: id })), ...news.map(jsonLine)]
            : [...gone.map(({ id }) => printable(`gone  ${id}`)), ...news.map(lineOf)];
        },
      };
      await watch(terminal, watched, flags.json === true || terminal.columns === undefined);
    });

  const read = shared(new Command("read"))
    .description("Marks an item as read, or all.")
    .argument("[item]", "id of the item; without it, all")
    .action(async (item: string | undefined, flags: SharedFlags) => {
      const part = item === undefined ? "" : `/${encodeURIComponent(item)}`;
      const marked = await api(flags).post<InboxMarked>(`${pathOf(flags)}${part}/read`);
      terminal.out(flags.json ? jsonLine(marked) : `${marked.counts.unread} new`);
    });

  const snooze = shared(new Command("snooze"))
    .description("Puts an item aside; it comes back by itself.")
    .argument("<item>", "id of the item")
    .option("--for <duration>", "for how long, such as 2h", durationMs, snoozeMs)
    .action(async (item: string, flags: SharedFlags & { readonly for: number }) => {
      const path = `${pathOf(flags)}/${encodeURIComponent(item)}/snooze`;
      const marked = await api(flags).post<InboxMarked>(path, { for_ms: flags.for });
      terminal.out(flags.json ? jsonLine(marked) : `${marked.counts.snoozed} put aside`);
    });

  const answer = shared(new Command("answer"))
    .description("Answers a question of the inbox.")
    .argument("<question>", "id of the question")
    .argument("<answer>", "yes, no, the id of an option, a text, or JSON")
    .option("--comment <text>", "text for whoever reads the answer")
    .action(
      async (id: string, text: string, flags: SharedFlags & { readonly comment?: string }) => {
        const item = await questionIn(api(flags), pathOf(flags), id);
        const { operation_id: operation, kind } = item;
        const path = `/v1/operations/${encodeURIComponent(operation)}/questions/${encodeURIComponent(id)}/answer`;
        const { comment } = flags;
        const body = { answer: answerOf(kind, text), ...(comment !== undefined && { comment }) };
        const answered = await api(flags).post<{ readonly question: Question }>(path, body);
        const { question } = answered;
        terminal.out(
          flags.json ? jsonLine(question) : printable(`answered: ${jsonLine(question.answer)}`),
        );
      },
    );

  return new Command("inbox")
    .description("Inbox of a user: list, watch, read, snooze, answer.")
    .addCommand(list, { isDefault: true })
    .addCommand(live)
    .addCommand(read)
    .addCommand(snooze)
    .addCommand(answer);
}

/** Returns the user of the token in the environment. */
function ownUser(terminal: Terminal): string {
  const [, payload = ""] = secretFrom(terminal, "MILEPOST_TOKEN")?.split(".") ?? [];
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString());
    if (isRecord(claims) && typeof claims.sub === "string") return claims.sub;
  } catch {
    // The failure below says what to do.
  }
  throw new CommandFailure(
    "no user: name one with --user, or set MILEPOST_TOKEN to a token of the user",
    exitCodes.usage,
  );
}

async function questionIn(api: Api, path: string, id: string) {
  for (let before: number | undefined; ; ) {
    const query = { filter: "open", limit: 100, before };
    const page: InboxList = await api.get<InboxList>(path, query);
    const data = page.items.find((one) => one.id === id)?.data;
    if (isRecord(data)) return data as unknown as Pick<Question, "operation_id" | "kind">;
    before = page.next;
    if (before === undefined) {
      throw new CommandFailure(
        `the inbox has no open question ${id}; milepost inbox list --filter open shows them`,
      );
    }
  }
}

/** Reads an answer as the kind of its question asks for. */
function answerOf(kind: Question["kind"], text: string): unknown {
  if (kind === "choose") return text;
  if (kind === "approve") {
    if (["yes", "y", "true"].includes(text.toLowerCase())) return true;
    if (["no", "n", "false"].includes(text.toLowerCase())) return false;
    throw new CommandFailure("the answer must be yes or no", exitCodes.usage);
  }
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function linesOf({ items, counts }: InboxList): readonly string[] {
  const { unread, open, snoozed } = counts;
  const head = `${unread} new, ${open} open, ${snoozed} put aside`;
  return items.length === 0 ? [head] : [head, ...table(columns, items.map(rowOf))];
}

function rowOf({ id, kind, at, read_at: readAt, snoozed_until: until, data }: InboxItem): string[] {
  const { level, title, message, prompt } = isRecord(data) ? data : {};
  const mark = until !== undefined ? "aside" : readAt === undefined ? "new" : "";
  const what = kind === "question" ? `? ${prompt}` : `${level}: ${message}`;
  const about = typeof title === "string" ? `${title} – ` : "";
  return [id, mark, new Date(at).toISOString().slice(0, 16).replace("T", " "), `${about}${what}`];
}

function lineOf(item: InboxItem): string {
  return printable(
    rowOf(item)
      .filter((cell) => cell !== "")
      .join("  "),
  );
}
