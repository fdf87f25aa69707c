import {
  isFinal,
  type OperationAtPosition,
  type OperationList,
  type OperationState,
  type OperationSummary,
  slowSteps,
} from "@milepost/model";
import { printable } from "@milepost/server";
import type { Api } from "../api.ts";
import { jsonLine } from "../carried-output.ts";
import { CommandFailure } from "../exit-codes.ts";
import { type Watched, watch } from "../live/live-view.ts";
import { table } from "../table.ts";
import type { Terminal } from "../terminal.ts";

const columns = ["OPERATION", "STATUS", "DONE", "WHAT"];
const barLength = 24;
const shownSteps = 12;
const shownLog = 5;

/** Flags of a live view. */
export interface WatchFlags {
  readonly json?: true;
  readonly everyMs: number;
}

/** Returns the columns of an operation in a table. */
export function operationRow(operation: OperationSummary): string[] {
  const { operation_id, status, percent, title, message, open_questions: open = 0 } = operation;
  const asks = open === 0 ? "" : ` (${open === 1 ? "1 question" : `${open} questions`})`;
  const what = message === undefined ? title : `${title} – ${message}`;
  return [operation_id, status, `${Math.round(percent)}%`, `${what}${asks}`];
}

/** Shows the operations of a filter live, until the user interrupts. */
export async function watchOperations(
  terminal: Terminal,
  api: Api,
  filter: Readonly<Record<string, string | number | undefined>>,
  { json, everyMs }: WatchFlags,
): Promise<void> {
  type Seen = readonly OperationSummary[];
  const watched: Watched<Seen> = {
    everyMs,
    look: async () => (await api.get<OperationList>("/v1/operations", filter)).operations,
    lines: (seen) => {
      const live = seen.filter(({ status }) => !isFinal(status)).length;
      const head = `${seen.length} operations, ${live} of them live; Ctrl-C ends this view`;
      return [head, "", ...table(columns, seen.map(operationRow))];
    },
    changes: (seen, before) => {
      const known = new Map(before?.map((one) => [one.operation_id, lineOf(one)]));
      return seen
        .filter((one) => known.get(one.operation_id) !== lineOf(one))
        .map((one) => (json ? jsonLine(one) : lineOf(one)))
        .reverse();
    },
  };
  await watch(terminal, watched, json === true || terminal.columns === undefined);
}

/** Returns an operation as one line for a pipe. */
function lineOf(operation: OperationSummary): string {
  return printable(operationRow(operation).join("  "));
}

/**
 * Shows one operation live until it ends. Rejects with a {@link CommandFailure} unless it is done then, or the user has
 * interrupted.
 */
export async function watchOperation(
  terminal: Terminal,
  api: Api,
  id: string,
  { json, everyMs }: WatchFlags,
): Promise<void> {
  const path = `/v1/operations/${encodeURIComponent(id)}`;
  const watched: Watched<OperationState> = {
    everyMs,
    look: async () => (await api.get<OperationAtPosition>(path)).operation,
    lines: (state) => linesOf(state, Date.now()),
    changes: (state, before) => (json ? jsonChange(state, before) : changesOf(state, before)),
    isOver: ({ status }) => isFinal(status),
  };
  const last = await watch(terminal, watched, json === true || terminal.columns === undefined);
  if (last === undefined || !isFinal(last.status) || last.status === "done") return;
  const why = last.error?.message ?? last.reason;
  throw new CommandFailure(`${id} is ${last.status}${why === undefined ? "" : `: ${why}`}`);
}

/** Returns an operation as the lines of a view. */
export function linesOf(state: OperationState, now: number): readonly string[] {
  const { title, id, status, percent, message, waiting, children, busy, steps } = state;
  const filled = Math.round((percent / 100) * barLength);
  const bar = `[${"#".repeat(filled)}${".".repeat(barLength - filled)}]`;
  const open = (state.questions ?? []).filter((question) => question.status === "open");
  const first = Math.max(0, steps.length - shownSteps);
  const slow = slowSteps(state, now);
  return [
    `${title} (${id})`,
    `${bar} ${Math.floor(percent)}%  ${status}${timeWords(state, now)}`,
    ...(waiting === undefined ? [] : [`position ${waiting.position} of ${waiting.total}`]),
    ...(busy === undefined ? [] : [`${busy.reason}${untilWords(busy.until)}`]),
    ...(message === undefined ? [] : [message]),
    ...(children === undefined
      ? []
      : [`${children.total} parts: ${statusWords(children.statuses)}`]),
    ...(first === 0 ? [] : [`  … ${first} steps before`]),
    ...steps.slice(first).map(({ id: step, title: name, status: done, counter }) => {
      const count = counter === undefined ? "" : ` ${counter.done}${totalOf(counter.total)}`;
      const late = slow.includes(step) ? ", slower than usual" : "";
      return `  ${marks[done]} ${name}${count}${late}`;
    }),
    ...open.map(({ id: question, prompt }) => `? ${prompt ?? "a private question"} (${question})`),
    ...state.log
      .filter(({ level }) => level !== "info")
      .slice(-shownLog)
      .map(({ level, message: line }) => `${level}: ${line}`),
  ];
}

const marks = { pending: "-", running: ">", done: "+", failed: "x", skipped: "." } as const;

function totalOf(total: number | undefined): string {
  return total === undefined ? "" : ` of ${total}`;
}

function statusWords(statuses: Readonly<Partial<Record<string, number>>>): string {
  return Object.entries(statuses)
    .map(([status, count]) => `${count} ${status}`)
    .join(", ");
}

function untilWords(until: number | undefined): string {
  return until === undefined ? "" : ` until about ${new Date(until).toTimeString().slice(0, 5)}`;
}

/** Returns the time left as a range, that the kind is new, or how long ago the last sign was. */
function timeWords({ estimate, status, updated_at: updated }: OperationState, now: number): string {
  if (isFinal(status)) return "";
  const silent = Math.floor((now - updated) / 1_000);
  const sign = silent >= 10 && status !== "waiting" ? `, last sign ${silent} s ago` : "";
  if (estimate === undefined) return sign;
  if (estimate.remaining === undefined) {
    return `${estimate.none === "new_kind" ? ", no estimate yet" : ", slower than usual"}${sign}`;
  }
  const { p50_ms: p50, p90_ms: p90 } = estimate.remaining;
  const left = (ms: number) => Math.max(0, Math.ceil((ms - (now - estimate.at)) / 1_000));
  const slow = estimate.slower_than_usual === true ? ", slower than usual" : "";
  return `, about ${left(p50)}–${left(p90)} s left${slow}${sign}`;
}

function changesOf(state: OperationState, before: OperationState | undefined): readonly string[] {
  const { status, percent, message = "", log, questions = [] } = state;
  const asked = new Set(before?.questions?.map(({ id }) => id));
  const last = before?.log.at(-1)?.seq ?? (before === undefined ? Number.POSITIVE_INFINITY : 0);
  const line = `${status}  ${Math.floor(percent)}%  ${message}`.trimEnd();
  const known =
    before && `${before.status}  ${Math.floor(before.percent)}%  ${before.message ?? ""}`;
  return [
    ...log.filter(({ seq }) => seq > last).map(({ level, message: text }) => `${level}  ${text}`),
    ...questions
      .filter(({ id, status: is }) => is === "open" && !asked.has(id))
      .map(({ id, prompt = "" }) => `question  ${id}  ${prompt}`),
    ...(known?.trimEnd() === line ? [] : [line]),
  ].map(printable);
}

function jsonChange(state: OperationState, before: OperationState | undefined): readonly string[] {
  return before?.offset === state.offset ? [] : [jsonLine(state)];
}
