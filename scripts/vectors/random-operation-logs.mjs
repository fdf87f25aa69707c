import { operationTransitions } from "@milepost/model";

/** @typedef {(random: Random) => object} MakeData */

const logs = 40;
const eventsPerLog = 25;
const texts = ["", "a", "read files", "tschüß", "😀", "a😀b", "x".repeat(300)];
const ids = ["a", "b", "c", "7", "__proto__", "constructor"];

/** Deterministic random numbers: the same seed gives the same vectors on every machine. */
class Random {
  #state;

  /** @param {number} seed */
  constructor(seed) {
    this.#state = seed;
  }

  /** Returns an integer from 0 to `max`, inclusive. @param {number} max */
  upTo(max) {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * (max + 1));
  }

  /** @template T @param {readonly T[]} items @returns {T} */
  one(items) {
    return /** @type {T} */ (items[this.upTo(items.length - 1)]);
  }

  /** Keeps each field with a chance of one half. @param {Record<string, unknown>} fields */
  some(fields) {
    return Object.fromEntries(Object.entries(fields).filter(() => this.upTo(1) === 0));
  }
}

/** @param {Random} random */
function progress(random) {
  return random.some({
    percent: random.one([0, 1, 33.333, 50, 99.999, 100, random.upTo(10_000) / 100]),
    done: random.upTo(20),
    total: random.upTo(20),
    unit: random.one(["files", "😀", ""]),
    message: random.one(texts),
  });
}

/** @param {Random} random */
function plan(random) {
  return ids.slice(random.upTo(2), random.upTo(5)).map((id) => ({
    id,
    ...random.some({ title: random.one(texts), weight: random.one([0, 0.1, 0.2, 1, 3]) }),
  }));
}

/** Data of each event. An event without a row here fails the generator, so that no event stays without vectors. */
const dataOf = /** @type {Record<string, MakeData>} */ ({
  created: (random) => ({
    operation_id: "9",
    kind: "index",
    ...random.some({
      steps: plan(random),
      parent: "8",
      weight: random.one([0, 0.5, 2]),
      tags: ["nightly", "eu"],
      budget: { counter: "tokens", limit: "10" },
    }),
  }),
  waiting: (random) => ({
    position: random.upTo(5),
    total: random.upTo(9),
    ...random.some({ estimated_wait_ms: random.upTo(90_000) }),
  }),
  started: (random) => random.some({ attempt: random.upTo(3) + 1 }),
  steps: (random) => ({ steps: plan(random) }),
  step: (random) => ({
    id: random.one(ids),
    ...random.some({ status: random.one(["running", "done", "failed", "skipped"]), title: "Step" }),
    ...progress(random),
  }),
  progress: (random) => ({ ...progress(random), ...(random.upTo(5) === 0 ? { reset: true } : {}) }),
  agent: (random) => ({
    id: random.one(ids),
    ...random.some({
      name: random.one(texts),
      active: random.upTo(1) === 0,
      progress: random.upTo(100),
      tasks: ["t", "u", "v"].slice(random.upTo(3)),
    }),
  }),
  log: (random) => ({
    message: random.one(texts),
    ...random.some({
      level: random.one(["info", "success", "warning", "error"]),
      agent: random.one(ids),
      step: random.one(ids),
      data: { n: random.upTo(9), nested: [null, true, "x"] },
    }),
  }),
  text: (random) => ({
    stream: random.one(ids),
    ...random.some({ append: random.one(texts) }),
    ...(random.upTo(6) === 0 ? { done: true } : {}),
    ...(random.upTo(6) === 0 ? { reset: true } : {}),
  }),
  count: (random) => ({
    name: random.one(["tokens", "cost", "__proto__"]),
    add: random.one(["0", "1", "0.1", "0.000000001", "12.5", "999999999999999"]),
  }),
  link: (random) => ({
    id: random.one(ids),
    url: "https://example.com/page?x=1#part",
    ...random.some({ title: random.one(["Page", "tschüß"]) }),
  }),
  artefact: (random) => ({
    name: random.one(ids),
    ...random.some({ type: "text/csv", size: random.upTo(9_000) }),
    ...(random.upTo(1) === 0 ? { url: "https://example.com/a.csv" } : { data: [1, null, "x"] }),
  }),
  beat: (random) =>
    random.some({ reason: random.one(["model", "child"]), until: random.upTo(9_000) }),
  children: (random) => ({
    total: random.upTo(9),
    statuses: random.some({ running: random.upTo(5), done: random.upTo(5), lost: 1 }),
    revision: random.upTo(30),
    ...random.some({
      percent: random.upTo(10_000) / 100,
      counters: { tokens: String(random.upTo(99)), cost: random.one(["0.25", "0.1"]) },
    }),
  }),
  budget: (random) => ({
    phase: random.one(["passed", "extended", "stopped"]),
    limit: random.one(["10", "0.5"]),
    ...random.some({ spent: "10.01", question_id: "q1" }),
  }),
  paused: (random) => random.some({ reason: random.one(texts) }),
  resumed: () => ({}),
  command: (random) => ({
    command_id: random.one(ids),
    command: random.one(["cancel", "pause", "resume", "retry", "skip"]),
    phase: random.one(["requested", "requested", "acknowledged", "done", "refused", "timed_out"]),
    ...random.some({ reason: random.one(texts), by: "7", args: { force: true } }),
  }),
  accepts: (random) =>
    random.some({
      commands: [{ name: "skip", title: "Skip", schema: { type: "object" }, while: ["running"] }],
      inputs: random.one(["queue", "reject", "interrupt"]),
      busy: random.upTo(1) === 0,
    }),
  input: (random) => ({
    input_id: random.one(ids),
    phase: random.one([
      "queued",
      "queued",
      "queued",
      "taken",
      "done",
      "interrupted",
      "rejected",
      "dropped",
    ]),
    ...random.some({ data: { text: random.one(texts) }, by: "7" }),
  }),
  question: (random) => ({
    question_id: random.one(ids),
    phase: random.one(["asked", "asked", "asked", "escalated", "answered", "expired", "withdrawn"]),
    ...random.some({
      kind: random.one(["approve", "choose", "input"]),
      prompt: "Go on?",
      options: [{ id: "a", title: "A" }, "b"],
      schema: { type: "string" },
      for: { users: ["7"], roles: ["boss"] },
      default: random.upTo(1) === 0,
      deadline_at: 5_000 + random.upTo(9),
      level: random.upTo(3) + 1,
      answer: random.one([true, "a", null, { n: 1 }]),
      comment: random.one(["", "why"]),
      by: "7",
      by_default: true,
      reason: random.one(texts),
    }),
  }),
  done: (random) => random.some({ result: { files: random.upTo(9) } }),
  failed: () => ({ error: { code: "broken", message: "it broke", retryable: true } }),
  cancelled: (random) => random.some({ reason: random.one(texts) }),
  stalled: () => ({ silent_ms: 30_000 }),
  revived: () => ({}),
  lost: () => ({ silent_ms: 300_000 }),
  estimate: (random) => ({
    at: random.upTo(2_000),
    basis: random.upTo(128),
    ...random.some({
      remaining: { p50_ms: random.upTo(1_000), p90_ms: 1_000 },
      none: "new_kind",
      slower_than_usual: true,
      usual_steps: [{ id: "b", p90_ms: random.upTo(500) }],
      marks: [
        [1, 0],
        [2, random.upTo(9), 5, 7],
      ],
    }),
  }),
});

/** Entries that are no valid events of an operation. They only advance the offset. */
const garbage = [
  { event: "of_a_newer_gateway", data: { id: "a" } },
  { event: "__proto__", data: {} },
  { event: "toString", data: {} },
  { event: "progress", data: { percent: 101 } },
  { event: "progress", data: { percent: "50" } },
  { event: "progress", data: null },
  { event: "step", data: { percent: 50 } },
  { event: "step", data: { id: "" } },
  { event: "log", data: [] },
  { event: "text", data: { stream: "a", append: 1 } },
  { event: "started", data: { attempt: 0 } },
  { event: "waiting", data: { position: 1.5, total: 2 } },
  { event: "steps", data: { steps: [{ id: "a" }, { id: "a" }] } },
  { event: "failed", data: { error: { code: "broken" } } },
  { event: "count", data: { name: "tokens", add: 0.5 } },
  { event: "count", data: { name: "tokens", add: "-1" } },
  { event: "count", data: { name: "tokens", add: "1e3" } },
  { event: "link", data: { id: "a", url: "http://example.com/" } },
  { event: "link", data: { id: "a", url: "https://user@example.com/" } },
  { event: "artefact", data: { name: "a" } },
  { event: "artefact", data: { name: "a", url: "https://example.com/", data: 1 } },
];

// Final events are rare, so that most logs go on for a while.
const seldom = new Set(["created", "done", "failed", "cancelled", "lost"]);

/** Returns logs of random events, the same ones each time. */
export function randomLogs() {
  const names = Object.keys(operationTransitions.waiting).flatMap((name) => {
    if (dataOf[name] === undefined) {
      throw new Error(
        `scripts/vectors/random-operation-logs.mjs makes no data for the event ${name}; add a row`,
      );
    }
    return seldom.has(name) ? [name] : [name, name, name, name, name, name];
  });
  return Array.from({ length: logs }, (_, i) => {
    const random = new Random(i + 1);
    /** @type {{ event: string, data: unknown }[]} */
    const log = [{ event: "created", data: dataOf.created?.(random) }];
    while (log.length < eventsPerLog) {
      const event = random.one(names);
      if (random.upTo(9) === 0) log.push(random.one(garbage));
      else log.push({ event, data: dataOf[event]?.(random) });
    }
    return { what: `random log ${i + 1}`, log };
  });
}
