import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { AskedQuestion, AskQuestion, Question } from "@milepost/model";
import { printable } from "@milepost/server";
import { Command, InvalidArgumentError, Option } from "commander";
import { Api } from "../api.ts";
import { jsonLine } from "../carried-output.ts";
import { CommandFailure } from "../exit-codes.ts";
import { isPassing } from "../live/live-view.ts";
import { durationMs, json, repeated } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";

interface AskFlags {
  readonly option?: readonly string[];
  readonly input?: true;
  readonly schema?: unknown;
  readonly user?: readonly string[];
  readonly role?: readonly string[];
  readonly deadline?: number;
  readonly default?: unknown;
  readonly key?: string;
  readonly private?: true;
  readonly wait: boolean;
  readonly url?: string;
  readonly json?: true;
}

/** Seconds for which one request waits for the answer. */
const waitSeconds = 25;
const retryMs = 1_000;
/** Exit code after Ctrl-C: an unanswered question must not look like a yes to a script. */
const interruptedCode = 130;

/**
 * Creates the command `milepost ask`, which asks a question for an operation and waits for the answer. It goes on waiting
 * when the gateway restarts.
 */
export function askCommand(terminal: Terminal): Command {
  return new Command("ask")
    .description("Asks people a question for an operation, and prints the answer.")
    .argument("<operation>", "id of the operation")
    .argument("<prompt>", "the question")
    .option("--option <id>", "an option to choose from: id, or id=title; repeat it", repeated)
    .option("--input", "ask for a text")
    .addOption(
      new Option("--schema <json>", "ask for a value that fits this JSON Schema").argParser(json),
    )
    .option("--user <id>", "a user who may answer; repeat it", repeated)
    .option("--role <role>", "a role whose holders may answer; repeat it", repeated)
    .option("--deadline <duration>", "time to answer, such as 10m", durationMs)
    .option("--default <json>", "answer at the deadline, as JSON", json)
    .option("--private", "keep the question out of the operation's log")
    .option("--key <key>", "asking again with the key is the same question, with its answer")
    .option("--no-wait", "print the id of the question, and do not wait")
    .option("--url <url>", "URL of the gateway (MILEPOST_URL)")
    .option("--json", "print the question as JSON")
    .addHelpText(
      "after",
      `
Without --option, --input or --schema people say yes or no.
Exit codes: 0 for an answer, unless it is no; 1 for no, and for a question that has expired or was withdrawn; 130 after Ctrl-C.
  milepost ask "$ID" "Deploy?" --role release --deadline 10m --default false && ./deploy.sh`,
    )
    .action(async (operation: string, prompt: string, flags: AskFlags) => {
      const api = new Api(terminal, flags.url);
      const path = `/v1/operations/${encodeURIComponent(operation)}/questions`;
      const body = bodyOf(prompt, flags);
      // The key makes it safe to ask again after a lost answer.
      const { question } = await patiently(terminal, () => api.post<AskedQuestion>(path, body));
      if (!flags.wait) {
        terminal.out(flags.json ? jsonLine(question) : printable(question.id));
        return;
      }
      if (question.status === "open") {
        terminal.err(printable(`milepost: asked ${question.id}; waiting for an answer`));
      }
      const settled = await settledOf(terminal, api, `${path}/${question.id}`, question);
      report(terminal, settled, flags.json === true);
    });
}

function bodyOf(prompt: string, flags: AskFlags): AskQuestion {
  const { option: options, input, schema, user: users, role: roles } = flags;
  if ([options, input, schema].filter((one) => one !== undefined).length > 1) {
    throw new InvalidArgumentError("use one of --option, --input and --schema");
  }
  const kind =
    options !== undefined ? "choose" : input || schema !== undefined ? "input" : "approve";
  const { default: standard } = flags;
  return {
    kind,
    prompt,
    key: flags.key ?? randomUUID(),
    ...(options !== undefined && { options: options.map(optionOf) }),
    ...(schema !== undefined && { schema }),
    ...((users ?? roles) !== undefined && {
      for: { ...(users && { users }), ...(roles && { roles }) },
    }),
    ...(flags.deadline !== undefined && { deadline_ms: flags.deadline }),
    ...(standard !== undefined && { default: standard }),
    ...(flags.private && { private: true }),
  };
}

function optionOf(text: string): { readonly id: string; readonly title?: string } {
  const at = text.indexOf("=");
  return at < 1 ? { id: text } : { id: text.slice(0, at), title: text.slice(at + 1) };
}

/** Waits for the end of a question. */
async function settledOf(terminal: Terminal, api: Api, path: string, asked: Question) {
  let question = asked;
  const { signal } = terminal;
  while (question.status === "open" && !signal.aborted) {
    question = await patiently(terminal, () => api.get<Question>(path, { wait: waitSeconds }));
  }
  if (question.status === "open") throw new CommandFailure("", interruptedCode);
  return question;
}

/** Calls the gateway until it answers, with a line about the first failure. Other failures are passed on. */
async function patiently<T>(terminal: Terminal, call: () => Promise<T>): Promise<T> {
  const { signal } = terminal;
  for (let isFirst = true; ; isFirst = false) {
    if (signal.aborted) throw new CommandFailure("", interruptedCode);
    try {
      return await unlessInterrupted(signal, call());
    } catch (error) {
      if (signal.aborted || !isPassing(error)) throw error;
      if (isFirst) terminal.err(printable(`milepost: ${error.message}; trying again`));
      await wait(retryMs, undefined, { signal }).catch(() => {});
    }
  }
}

/** Settles as the answer does, or rejects once the user interrupts. */
function unlessInterrupted<T>(signal: AbortSignal, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new CommandFailure("", interruptedCode));
    signal.addEventListener("abort", onAbort, { once: true });
    // A question may wait for days, and each of its requests has a listener only while it lasts.
    answer.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function report(terminal: Terminal, question: Question, asJson: boolean): void {
  const { status, answer, by, by_default: byDefault, reason, comment } = question;
  if (asJson) terminal.out(jsonLine(question));
  if (status !== "answered") {
    const withdrawn = `it was withdrawn${reason === undefined ? "" : ` (${reason})`}`;
    throw new CommandFailure(status === "expired" ? "nobody answered in time" : withdrawn);
  }
  if (!asJson) {
    terminal.out(typeof answer === "string" ? printable(answer) : jsonLine(answer));
    const who = byDefault === true ? "nobody answered in time" : `answered by ${by}`;
    terminal.err(printable(`milepost: ${who}${comment === undefined ? "" : `: ${comment}`}`));
  }
  // The answer was printed, and the exit code says no to a script.
  if (answer === false) throw new CommandFailure("");
}
