/** @typedef {{ readonly event: string, readonly data: unknown }} LoggedEvent */

const error = { code: "broken", message: "it broke", retryable: true };

/** @param {string} event @param {object} [data] @returns {LoggedEvent} */
function on(event, data = {}) {
  return { event, data };
}

const created = on("created", {
  operation_id: "9",
  kind: "index",
  user_id: "7",
  steps: [{ id: "read" }, { id: "write", title: "Write it", weight: 3 }],
});
const plain = on("created", { operation_id: "9", kind: "index" });

/** One event of each name, valid in every status in which the event means something. */
const oneOfEach = [
  on("created", { operation_id: "other", kind: "other" }),
  on("waiting", {
    position: 2,
    total: 5,
    estimated_wait_ms: 9_000,
    estimated_wait: { p50_ms: 9_000, p90_ms: 20_000.5 },
    queue: "preview",
    ticket: "t1",
  }),
  on("started"),
  on("steps", { steps: [{ id: "new" }] }),
  on("step", { id: "new", percent: 50 }),
  on("progress", { percent: 99 }),
  on("agent", { id: "new" }),
  on("log", { message: "line" }),
  on("text", { stream: "new", append: "text" }),
  on("count", { name: "tokens", add: "1" }),
  on("link", { id: "page", url: "https://example.com/" }),
  on("artefact", { name: "report.csv", url: "https://example.com/report.csv" }),
  on("beat", { reason: "waiting for the model" }),
  on("children", { total: 1, percent: 40, statuses: { running: 1 }, revision: 1 }),
  on("budget", { phase: "passed", limit: "10", spent: "11" }),
  on("paused", { reason: "asked" }),
  on("resumed"),
  on("command", { command_id: "c", command: "retry", phase: "requested" }),
  on("accepts", { busy: true, inputs: "reject" }),
  on("input", { input_id: "i", phase: "queued", data: { text: "go" }, by: "7" }),
  on("question", { question_id: "q", phase: "asked", kind: "approve", prompt: "Go?" }),
  on("done", { result: 1 }),
  on("failed", { error }),
  on("cancelled", { reason: "asked" }),
  on("stalled", { silent_ms: 1 }),
  on("revived"),
  on("lost", { silent_ms: 1 }),
  on("estimate", {
    at: 3,
    basis: 9,
    remaining: { p50_ms: 10, p90_ms: 20 },
    marks: [[1, 0, 10, 20]],
  }),
];

/** Events that bring an operation into each status. @type {Record<string, readonly LoggedEvent[]>} */
const into = {
  waiting: [],
  running: [on("started")],
  paused: [on("started"), on("paused", { reason: "asked" })],
  stalled: [on("started"), on("stalled", { silent_ms: 5 })],
  done: [on("started"), on("done")],
  failed: [on("started"), on("failed", { error })],
  cancelled: [on("started"), on("cancelled")],
  lost: [on("started"), on("lost", { silent_ms: 5 })],
};

/** Logs written by hand: each shows one rule of the fold. */
const stories = [
  { what: "an empty log has no state", log: [] },
  { what: "events before created mean nothing", log: [on("started"), on("log", { message: "x" })] },
  {
    what: "steps have weights; a skipped step counts as complete; done makes the percentage 100",
    log: [
      created,
      on("started"),
      on("step", { id: "read", done: 1, total: 3, unit: "files" }),
      on("step", { id: "read", done: 3 }),
      on("step", { id: "read", status: "done" }),
      on("step", { id: "write", status: "skipped" }),
      on("done", { result: { files: 3 } }),
    ],
  },
  {
    what: "an estimate replaces the one before; it goes when the operation ends; breaks are no active time",
    log: [
      plain,
      on("estimate", { at: 1_000, basis: 7, remaining: { p50_ms: 50, p90_ms: 90 } }),
      on("started"),
      on("estimate", {
        at: 1_100,
        basis: 7,
        remaining: { p50_ms: 40, p90_ms: 80 },
        usual_steps: [{ id: "scan", p90_ms: 30 }],
        marks: [[1, 0, 40, 80]],
      }),
      on("paused"),
      on("resumed"),
      on("estimate", {
        at: 1_200,
        basis: 7,
        slower_than_usual: true,
        marks: [
          [1, 0, 40, 80],
          [2, 9],
        ],
      }),
      on("stalled", { silent_ms: 4 }),
      on("revived"),
      on("done"),
    ],
  },
  {
    what: "a new attempt begins without an estimate and without active time",
    log: [
      plain,
      on("started"),
      on("estimate", { at: 1_000, basis: 0, none: "new_kind", marks: [[1, 0]] }),
      on("started", { attempt: 2 }),
    ],
  },
  {
    what: "the percentage of an operation falls only by a reset",
    log: [
      plain,
      on("progress", { percent: 60 }),
      on("progress", { percent: 40 }),
      on("progress", { percent: 10, reset: true }),
    ],
  },
  {
    what: "a count without a total keeps the percentage; a total of 0 is no percentage",
    log: [
      plain,
      on("progress", { done: 5, unit: "rows" }),
      on("progress", { total: 0 }),
      on("progress", { total: 20 }),
    ],
  },
  {
    what: "a higher attempt resets the progress and keeps the log and the commands",
    log: [
      created,
      on("step", { id: "read", percent: 50, message: "half" }),
      on("agent", { id: "x", tasks: ["t"] }),
      on("text", { stream: "out", append: "abc" }),
      on("log", { message: "kept", level: "warning" }),
      on("failed", { error }),
      on("command", { command_id: "c1", command: "retry", phase: "requested", by: "7" }),
      on("command", { command_id: "c1", command: "retry", phase: "acknowledged" }),
      on("started", { attempt: 2 }),
      on("command", { command_id: "c1", command: "retry", phase: "done" }),
      on("started", { attempt: 1 }),
      on("step", { id: "read", percent: 10 }),
    ],
  },
  {
    what: "a late report about an ended step does not start it again; an explicit running does",
    log: [
      created,
      on("step", { id: "read", status: "done" }),
      on("step", { id: "read", percent: 20 }),
      on("step", { id: "read", status: "running", percent: 20 }),
    ],
  },
  {
    what: "a new plan keeps the steps that it names and closes the spans of those that it drops",
    log: [
      created,
      on("step", { id: "read", percent: 30 }),
      on("steps", { steps: [{ id: "write", weight: 1 }, { id: "check" }] }),
      on("steps", { steps: [] }),
      on("progress", { percent: 70 }),
    ],
  },
  {
    what: "a text stream takes pieces until it is done, and again after a reset",
    log: [
      plain,
      on("text", { stream: "out", append: "one " }),
      on("text", { stream: "out", append: "two", done: true }),
      on("text", { stream: "out", append: "late" }),
      on("text", { stream: "out", reset: true }),
      on("text", { stream: "out", append: "new" }),
    ],
  },
  {
    what: "a stall keeps what is open; revived returns to the status before it",
    log: [
      created,
      on("step", { id: "read", percent: 5 }),
      on("paused", { reason: "lunch" }),
      on("stalled", { silent_ms: 1_000 }),
      on("revived"),
      on("resumed"),
      on("stalled", { silent_ms: 1_000 }),
      on("step", { id: "read", percent: 9 }),
      on("revived"),
      on("stalled", { silent_ms: 2_000 }),
      on("lost", { silent_ms: 10_000 }),
      on("log", { message: "afterwards" }),
    ],
  },
  {
    what: "the current agent is the active one that became active last",
    log: [
      plain,
      on("agent", { id: "a", name: "Ann", tasks: ["read", "write"] }),
      on("agent", { id: "b" }),
      on("agent", { id: "b", active: false }),
      on("agent", { id: "a", active: false }),
      on("agent", { id: "c", progress: 40 }),
    ],
  },
  {
    what: "counters add up exactly, whole numbers as numbers or as text, and stay over attempts",
    log: [
      plain,
      on("count", { name: "cost", add: "0.1" }),
      on("count", { name: "cost", add: "0.20" }),
      on("count", { name: "tokens", add: 1_000 }),
      on("count", { name: "tokens", add: "234" }),
      on("count", { name: "tokens", add: "00" }),
      on("failed", { error }),
      on("count", { name: "tokens", add: 5 }),
      on("started", { attempt: 2 }),
      on("count", { name: "much", add: "999999999999999.999999999" }),
      on("count", { name: "much", add: "0.000000001" }),
    ],
  },
  {
    what: "an operation has at most 32 counters of its own",
    log: [plain, ...Array.from({ length: 34 }, (_, i) => on("count", { name: `c${i}`, add: i }))],
  },
  {
    what: "children determine the percentage and add to the counters; an older report of them changes nothing",
    log: [
      created,
      on("count", { name: "tokens", add: 10 }),
      on("step", { id: "read", status: "done" }),
      on("children", {
        total: 2,
        percent: 75.5,
        statuses: { done: 1, running: 1 },
        counters: { tokens: "5" },
        revision: 10,
      }),
      on("children", {
        total: 3,
        percent: 50.33,
        statuses: { done: 1, running: 2 },
        counters: { tokens: "7", cost: "0.5" },
        revision: 12,
      }),
      on("children", {
        total: 2,
        percent: 60,
        statuses: { done: 1 },
        counters: { tokens: "6" },
        revision: 11,
      }),
      on("count", { name: "tokens", add: 1 }),
      on("step", { id: "write", percent: 90 }),
      on("progress", { percent: 99 }),
      on("started", { attempt: 2 }),
      on("children", {
        total: 3,
        percent: 100,
        statuses: { done: 3 },
        counters: { tokens: "9" },
        revision: 13,
      }),
      on("done"),
      on("children", {
        total: 3,
        percent: 66,
        statuses: { done: 2, lost: 1 },
        counters: { tokens: "11" },
        revision: 14,
      }),
    ],
  },
  {
    what: "children without a weight do not determine the percentage",
    log: [
      plain,
      on("progress", { percent: 30 }),
      on("children", { total: 2, statuses: { running: 2 }, revision: 1 }),
    ],
  },
  {
    what: "a budget is passed, extended, passed again and stopped",
    log: [
      on("created", {
        operation_id: "9",
        kind: "agents",
        budget: { counter: "cost", limit: "1.50" },
      }),
      on("count", { name: "cost", add: "1.6" }),
      on("budget", { phase: "passed", limit: "1.5", spent: "1.6", question_id: "q1" }),
      on("budget", { phase: "extended", limit: "2" }),
      on("budget", { phase: "passed", limit: "2", spent: "2.1", question_id: "q2" }),
      on("budget", { phase: "stopped", limit: "2" }),
    ],
  },
  {
    what: "a reason why nothing moves keeps its beginning and is over when the work moves or a beat has none",
    log: [
      plain,
      on("beat", { reason: "waiting for the model" }),
      on("beat", { reason: "waiting for the model", until: 9_000 }),
      on("log", { message: "still here" }),
      on("beat", { reason: "in a child process" }),
      on("stalled", { silent_ms: 10 }),
      on("revived"),
      on("progress", { percent: 5 }),
      on("beat", { until: 9_000 }),
      on("beat", {}),
    ],
  },
  {
    what: "links and artefacts are replaced by their id and name; full lists drop the oldest",
    log: [
      plain,
      on("link", { id: "a", url: "https://example.com/1", title: "One" }),
      on("link", { id: "b", url: "https://example.com" }),
      on("link", { id: "a", url: "https://example.com:8443/2" }),
      on("artefact", { name: "x", type: "application/json", data: { rows: 3 } }),
      on("artefact", { name: "x", url: "https://example.com/x", size: 12 }),
      ...Array.from({ length: 33 }, (_, i) =>
        on("link", { id: `l${i}`, url: "https://example.com/" }),
      ),
      ...Array.from({ length: 33 }, (_, i) => on("artefact", { name: `n${i}`, data: i })),
    ],
  },
  {
    what: "a question is answered once; its escalation says who may answer; the end withdraws those that are open",
    log: [
      created,
      on("question", {
        question_id: "q1",
        phase: "asked",
        kind: "choose",
        prompt: "Which?",
        options: ["a", { id: "b", title: "B" }],
        for: { users: ["7"] },
        deadline_at: 9_000,
        default: "a",
      }),
      on("question", {
        question_id: "q1",
        phase: "escalated",
        level: 1,
        for: { users: ["7"], roles: ["boss"] },
      }),
      on("question", {
        question_id: "q1",
        phase: "answered",
        answer: "b",
        by: "7",
        comment: "sure",
      }),
      on("question", { question_id: "q1", phase: "answered", answer: "a", by: "8" }),
      on("question", {
        question_id: "q2",
        phase: "asked",
        kind: "input",
        schema: { type: "string" },
      }),
      on("question", { question_id: "q3", phase: "asked", kind: "approve", prompt: "Go?" }),
      on("question", { question_id: "q3", phase: "expired" }),
      on("question", { question_id: "unknown", phase: "answered", answer: true }),
      on("done"),
      on("question", { question_id: "q2", phase: "withdrawn", reason: "done" }),
      on("question", { question_id: "q4", phase: "asked", kind: "approve", prompt: "Late?" }),
      on("started", { attempt: 2 }),
      on("question", { question_id: "q5", phase: "asked", kind: "approve", prompt: "Again?" }),
    ],
  },
  {
    what: "a full list of questions drops the oldest that is not open",
    log: [
      plain,
      on("question", { question_id: "first", phase: "asked", kind: "approve", prompt: "?" }),
      ...Array.from({ length: 45 }, (_, i) => [
        on("question", { question_id: `q${i}`, phase: "asked", kind: "approve", prompt: "?" }),
        on("question", { question_id: `q${i}`, phase: "answered", answer: true, by: "7" }),
      ]).flat(),
    ],
  },
  {
    what: "a command that every operation has is ignored while one of its name is not settled; others count one by one",
    log: [
      created,
      on("command", { command_id: "a", command: "cancel", phase: "requested", by: "7" }),
      on("command", { command_id: "b", command: "cancel", phase: "requested", by: "8" }),
      on("command", { command_id: "b", command: "cancel", phase: "acknowledged" }),
      on("command", { command_id: "a", command: "cancel", phase: "refused", reason: "too late" }),
      on("command", { command_id: "c", command: "cancel", phase: "requested" }),
      on("command", { command_id: "d", command: "tune", phase: "requested", args: { level: 1 } }),
      on("command", { command_id: "e", command: "tune", phase: "requested", args: { level: 1 } }),
    ],
  },
  {
    what: "messages wait, are taken and end; the end of the operation drops those that wait",
    log: [
      plain,
      on("input", { input_id: "i1", phase: "queued", data: "one", by: "7" }),
      on("input", { input_id: "i2", phase: "queued", data: { text: "two" } }),
      on("input", { input_id: "i1", phase: "taken" }),
      on("input", { input_id: "i1", phase: "interrupted" }),
      on("input", { input_id: "i1", phase: "done" }),
      on("input", { input_id: "i3", phase: "taken" }),
      on("cancelled"),
      on("input", { input_id: "i4", phase: "queued", data: 1 }),
    ],
  },
  {
    what: "with the policy reject, a message that comes while the operation is busy is rejected",
    log: [
      on("created", {
        operation_id: "9",
        kind: "index",
        accepts: { inputs: "reject", busy: true, commands: [{ name: "skip" }] },
      }),
      on("input", { input_id: "i1", phase: "queued", data: 1 }),
      on("accepts", { busy: false }),
      on("input", { input_id: "i2", phase: "queued", data: 2 }),
      on("input", { input_id: "i3", phase: "queued", data: 3 }),
      on("input", { input_id: "i2", phase: "done" }),
      on("input", { input_id: "i4", phase: "queued", data: 4 }),
      on("accepts", { inputs: "queue" }),
      ...Array.from({ length: 45 }, (_, i) =>
        on("input", { input_id: `j${i}`, phase: "queued", data: i }),
      ),
    ],
  },
  {
    what: "entries that repeat or come late change nothing",
    log: [],
    entries: [1, 2, 2, 1, 3, 2, 3].map((offset) => ({
      ...[plain, on("log", { message: "one" }), on("progress", { percent: 10 })][offset - 1],
      ts: 1_000 + offset,
      offset,
    })),
  },
  {
    what: "entries of unknown events advance the offset only",
    log: [
      plain,
      on("of_a_newer_gateway", { id: 1 }),
      on("progress", { percent: 200 }),
      on("log", { message: "x" }),
    ],
  },
  {
    what: "lists keep their latest items; a list of steps drops one that is not running",
    log: [
      plain,
      ...Array.from({ length: 205 }, (_, i) =>
        on("step", { id: `s${i}`, ...(i % 2 ? { status: "done" } : {}) }),
      ),
      ...Array.from({ length: 205 }, (_, i) => on("log", { message: `line ${i}` })),
      ...Array.from({ length: 25 }, (_, i) =>
        on("command", { command_id: `c${i}`, command: "tune", phase: "requested" }),
      ),
      ...Array.from({ length: 35 }, (_, i) => on("text", { stream: `t${i}`, append: "x" })),
    ],
  },
];

/** Returns the logs that were chosen by hand, and one log for each event in each status. */
export function chosenLogs() {
  const cells = Object.entries(into).flatMap(([status, lead]) =>
    oneOfEach.map((event) => ({
      what: `${event.event} while the operation is ${status}`,
      log: [plain, ...lead, event],
    })),
  );
  return [...stories, ...cells];
}
