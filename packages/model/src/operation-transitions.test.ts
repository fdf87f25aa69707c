import { describe, expect, it } from "vitest";
import type { OperationEventName } from "./operation-event.ts";
import type { OperationState } from "./operation-state.ts";
import type { OperationStatus } from "./operation-status.ts";
import { isFinal, operationTransitions } from "./operation-transitions.ts";
import { type AnyEvent, eventNames, happened } from "./testing/any-operation-entry.ts";
import { fold, foldOn } from "./testing/fold.ts";

const error = { code: "broken", message: "it broke", retryable: true };

const events: Record<OperationEventName, AnyEvent> = {
  created: happened("created", { operation_id: "other", kind: "other" }),
  waiting: happened("waiting", { position: 2, total: 5 }),
  started: happened("started", {}),
  steps: happened("steps", { steps: [{ id: "new" }] }),
  step: happened("step", { id: "new", percent: 50 }),
  progress: happened("progress", { percent: 99 }),
  agent: happened("agent", { id: "new" }),
  log: happened("log", { message: "line" }),
  text: happened("text", { stream: "new", append: "text" }),
  count: happened("count", { name: "tokens", add: "1" }),
  link: happened("link", { id: "page", url: "https://example.com/" }),
  artefact: happened("artefact", { name: "report.csv", url: "https://example.com/report.csv" }),
  beat: happened("beat", { reason: "waiting for the model" }),
  children: happened("children", { total: 1, percent: 40, statuses: { running: 1 }, revision: 1 }),
  budget: happened("budget", { phase: "passed", limit: "10", spent: "11" }),
  paused: happened("paused", { reason: "asked" }),
  resumed: happened("resumed", {}),
  command: happened("command", { command_id: "c", command: "retry", phase: "requested" }),
  accepts: happened("accepts", { busy: true }),
  input: happened("input", { input_id: "i", phase: "queued", data: 1 }),
  question: happened("question", { question_id: "q", phase: "asked", kind: "approve" }),
  done: happened("done", { result: 1 }),
  failed: happened("failed", { error }),
  cancelled: happened("cancelled", { reason: "asked" }),
  stalled: happened("stalled", { silent_ms: 1 }),
  revived: happened("revived", {}),
  lost: happened("lost", { silent_ms: 1 }),
  estimate: happened("estimate", { at: 1_000, basis: 0, none: "new_kind" }),
};

const inStatus: Record<OperationStatus, OperationState> = {
  waiting: fold(),
  running: fold(events.started),
  paused: fold(events.started, events.paused),
  stalled: fold(events.started, events.stalled),
  done: fold(events.started, events.done),
  failed: fold(events.started, events.failed),
  cancelled: fold(events.started, events.cancelled),
  lost: fold(events.started, events.lost),
};

/**
 * Status after each event, if the status before was waiting, running, paused or stalled, in this order. `.`
 * means unchanged, `-` means that the event is ignored.
 */
const cells: Record<OperationEventName, string> = {
  created: "- - - -",
  waiting: ". waiting waiting waiting",
  started: "running . . .",
  steps: ". . . .",
  step: "running . . .",
  progress: "running . . .",
  agent: "running . . .",
  log: ". . . .",
  text: "running . . .",
  count: ". . . .",
  link: ". . . .",
  artefact: ". . . .",
  beat: ". . . .",
  children: ". . . .",
  budget: ". . . .",
  paused: "paused paused . paused",
  resumed: "- - running running",
  command: ". . . .",
  accepts: ". . . .",
  input: ". . . .",
  question: ". . . .",
  done: "done done done done",
  failed: "failed failed failed failed",
  cancelled: "cancelled cancelled cancelled cancelled",
  stalled: "stalled stalled stalled -",
  revived: "- - - running",
  lost: "lost lost lost lost",
  estimate: ". . . .",
};

const live = ["waiting", "running", "paused", "stalled"] as const;
const over = ["done", "failed", "cancelled", "lost"] as const;

describe("transitions of an operation's status", () => {
  it.each(
    eventNames.flatMap((event) =>
      cells[event].split(" ").map((cell, i) => [live[i] ?? "waiting", event, cell] as const),
    ),
  )(
    "an operation that is %s gets the event %s and becomes %s (. unchanged, - ignored)",
    (status, event, cell) => {
      const before = inStatus[status];
      expect(before.status).toBe(status);
      const after = foldOn(before, [events[event]]);
      if (cell === "-") expect(after).toEqual({ ...before, offset: after.offset });
      else expect(after.status).toBe(cell === "." ? status : cell);
    },
  );

  it.each(over.flatMap((status) => eventNames.map((event) => [status, event] as const)))(
    "the status %s is final and the event %s does not change it",
    (status, event) => {
      const before = inStatus[status];
      expect(before.status).toBe(status);
      const after = foldOn(before, [events[event]]);
      expect(after.status).toBe(status);
      if (event === "log") expect(after.log_total).toBe(before.log_total + 1);
      else if (event === "count") expect(after.counters).toEqual({ tokens: "1" });
      else if (event === "children") {
        expect(after.children?.total).toBe(1);
        expect(after.percent).toBe(before.percent);
      } else if (event === "command")
        expect(after.commands).toHaveLength(before.commands.length + 1);
      else expect(after).toEqual({ ...before, offset: after.offset });
    },
  );

  it.each([...live, ...over])(
    "an operation in status %s starts again with a started event of a higher attempt",
    (status) => {
      const worked = fold(events.text, events.step, events.agent, events.progress);
      const before = foldOn(
        { ...worked, ...inStatus[status], texts: worked.texts, agents: worked.agents },
        [events.log, events.command],
      );
      const after = foldOn(before, [happened("started", { attempt: 2 })]);
      expect(after).toMatchObject({
        status: "running",
        attempt: 2,
        percent: 0,
        texts: {},
        agents: [],
      });
      expect(after.log).toBe(before.log);
      expect(after.commands).toBe(before.commands);
      const stall = ["before_stall", "silent_since"];
      for (const gone of [...stall, "error", "result", "reason", "ended_at", "waiting"]) {
        expect(after).not.toHaveProperty(gone);
      }
      expect(after.started_at).toBe(after.updated_at);
    },
  );

  it("a revived operation returns to its status before the stall, also when folded from a JSON snapshot", () => {
    for (const status of ["waiting", "running", "paused"] as const) {
      const stalled = foldOn(inStatus[status], [events.stalled]);
      expect(stalled.status).toBe("stalled");
      const travelled = JSON.parse(JSON.stringify(stalled)) as OperationState;
      const revived = foldOn(travelled, [events.revived]);
      expect(revived).toEqual({
        ...inStatus[status],
        offset: revived.offset,
        updated_at: revived.updated_at,
        timeline: revived.timeline,
        ...(status === "running"
          ? {
              started_at: inStatus[status].started_at,
              active_ms: 9,
              active_since: revived.updated_at,
            }
          : {}),
      });
    }
  });

  it("a paused operation keeps its reason until it resumes", () => {
    expect(inStatus.paused.reason).toBe("asked");
    expect(foldOn(inStatus.paused, [events.resumed])).not.toHaveProperty("reason");
  });

  it("an operation has a queue position only until its work begins", () => {
    const waiting = fold(events.waiting);
    expect(waiting.waiting).toEqual({ position: 2, total: 5 });
    expect(foldOn(waiting, [events.started])).not.toHaveProperty("waiting");
    expect(foldOn(waiting, [events.cancelled])).not.toHaveProperty("waiting");
  });

  it("isFinal is true exactly for the statuses whose row in the transition table is the common row of the final statuses", () => {
    const final = (Object.keys(operationTransitions) as OperationStatus[]).filter(isFinal);
    expect(final).toEqual(over);
  });
});
