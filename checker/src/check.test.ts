import { describe, expect, test } from "vitest";
import { Checker, check } from "./check.ts";
import type { Fact, JournalRecord } from "./records.ts";

const channel = "log:a";
const limits = { max_replay_entries: 100, max_outbox_bytes: 1_000, dedupe_ms: 600_000 };

const opening: readonly Fact[] = [
  { type: "begin", version: 1, seed: 1, limits },
  { type: "wall", offset_ms: 1_000_000 },
  {
    type: "channel",
    channel,
    max_entries: 5,
    max_age_ms: 3_600_000,
    projection: null,
    written_by: "publishers",
  },
  { type: "life", channel, epoch: "e" },
];

function publish(n: number, hash = `h${n}`): Fact {
  const line = "one";
  const key = `k${n}`;
  return { type: "publish", publisher: "p", n, line, attempt: 1, channel, key, event: "x", hash };
}

function stored(n: number, position: string): Fact {
  const outcome = "stored";
  return { type: "published", publisher: "p", n, attempt: 1, outcome, position, duplicate: false };
}

function entry(n: number, position: string, hash = `h${n}`): Fact {
  return { type: "entry", channel, position, owner: "user:p", key: `k${n}`, event: "x", hash };
}

function subscribe(since?: string): Fact {
  return { type: "subscribe", subscriber: "s", channel, ...(since === undefined ? {} : { since }) };
}

interface Claimed {
  readonly recovered?: boolean;
  readonly stale?: boolean;
  readonly reason?: string;
}

function subscribed(position: string, rest: Claimed = {}): Fact {
  return { type: "subscribed", subscriber: "s", position, recovered: false, ...rest };
}

function delivery(n: number, position: string, hash = `h${n}`): Fact {
  return { type: "delivery", subscriber: "s", position, event: "x", hash };
}

/** Returns the facts of entries 1 to `count`, each published, stored at `e.n.tn` and acknowledged. */
function log(count: number): Fact[] {
  return Array.from({ length: count }, (_, i) => i + 1).flatMap((n) => [
    publish(n),
    entry(n, `e.${n}.t${n}`),
    stored(n, `e.${n}.t${n}`),
  ]);
}

function ending(head: string): Fact[] {
  return [
    { type: "healed", within_ms: 0 },
    { type: "dump", channel, head, entries: [] },
    { type: "end" },
  ];
}

function violations(facts: readonly Fact[], times?: readonly number[]): string[] {
  // Every entry gets time to arrive before the end.
  const usual = (fact: Fact, i: number) =>
    i * 10 + (fact.type === "dump" || fact.type === "end" ? 1_000 : 0);
  const records = facts.map(
    (fact, i): JournalRecord => ({ ...fact, t: times?.[i] ?? usual(fact, i) }),
  );
  return check(records).map(({ id }) => id);
}

const joined = [subscribe("start"), subscribed("e.0.0")];

describe("a journal that keeps every guarantee", () => {
  test("the checker reports nothing when each entry is delivered once and in order", () => {
    const deliveries = [1, 2, 3].map((n) => delivery(n, `e.${n}.t${n}`));
    const facts = [...opening, ...joined, ...log(3), ...deliveries, ...ending("e.3.t3")];
    expect(violations(facts)).toEqual([]);
  });

  test("an entry stored just before the catch-up check may still be under way; an older one may not", () => {
    const facts = [...opening, ...joined, ...log(1), ...ending("e.1.t1")];
    const at = (storedAt: number) =>
      violations(
        facts,
        facts.map(({ type }, i) => {
          if (type === "healed" || type === "dump" || type === "end") return 10_000;
          return type === "entry" || type === "published" ? storedAt : i;
        }),
      );
    expect(at(9_990)).toEqual([]);
    expect(at(9_000)).toContain("G4");
  });

  test("the checker accepts a gap over entries that retention has trimmed", () => {
    const facts: Fact[] = [
      ...opening,
      ...joined,
      ...log(7),
      { type: "gap", subscriber: "s", from: "e.0.0", to: "e.2.t2", reason: "trimmed" },
      ...[3, 4, 5, 6, 7].map((n) => delivery(n, `e.${n}.t${n}`)),
      ...ending("e.7.t7"),
    ];
    expect(violations(facts)).toEqual([]);
  });

  test("the checker accepts the same offset with another tag after the tail of the log was lost", () => {
    const facts: Fact[] = [
      ...opening,
      ...joined,
      ...log(2),
      delivery(1, "e.1.t1"),
      delivery(2, "e.2.t2"),
      { type: "fault", fault: "tail_lost", phase: "once", channel, offset: 1 },
      publish(3),
      entry(3, "e.2.u2"),
      { type: "gap", subscriber: "s", from: "e.2.t2", to: "e.1.t1", reason: "tag_mismatch" },
      delivery(3, "e.2.u2"),
      ...ending("e.2.u2"),
    ];
    expect(violations(facts)).toEqual([]);
  });
});

describe("a journal that breaks a guarantee", () => {
  const upTo = (...facts: Fact[]) => violations([...opening, ...joined, ...log(3), ...facts]);

  test.each<[string, string, Fact[]]>([
    ["an entry that never came", "G4", [delivery(1, "e.1.t1"), delivery(3, "e.3.t3")]],
    ["an entry that came twice", "G3", [delivery(1, "e.1.t1"), delivery(1, "e.1.t1")]],
    ["an entry nobody stored", "G1", [delivery(1, "e.1.other")]],
    ["other data than was stored", "G1", [delivery(1, "e.1.t1", "else")]],
    ["an entry nobody published", "G1", [entry(9, "e.4.t4")]],
    ["a second entry for a key", "G3", [publish(3), entry(3, "e.4.t4")]],
    ["an ack of nothing", "G2", [publish(4), stored(4, "e.4.t4")]],
    ["an ack of something else", "G2", [publish(4), entry(4, "e.4.t4"), stored(4, "e.3.t3")]],
    ["a hole in the log", "G1", [publish(4), entry(4, "e.5.t5")]],
    [
      "a gap over what is kept",
      "G4",
      [{ type: "gap", subscriber: "s", from: "e.0.0", to: "e.2.t2", reason: "trimmed" }],
    ],
    [
      "a gap of a reason that never happened",
      "G4",
      [{ type: "gap", subscriber: "s", from: "e.0.0", to: "e.2.t2", reason: "tag_mismatch" }],
    ],
    [
      "recovered at a position that the log has lost",
      "G4",
      [
        ...[1, 2, 3].map((n) => delivery(n, `e.${n}.t${n}`)),
        { type: "fault", fault: "tail_lost", phase: "once", channel, offset: 1 },
        subscribe("e.3.t3"),
        subscribed("e.3.t3", { recovered: true }),
      ],
    ],
    [
      "recovered elsewhere than asked",
      "G4",
      [delivery(1, "e.1.t1"), subscribe("e.1.t1"), subscribed("e.3.t3", { recovered: true })],
    ],
    [
      "a cursor that is ahead of what was given",
      "G4",
      [delivery(1, "e.1.t1"), subscribe("e.3.t3"), subscribed("e.3.t3", { recovered: true })],
    ],
    ["not recovered and no reason", "G4", [subscribe("e.0.0"), subscribed("e.3.t3")]],
    [
      "answered from memory while the store is there",
      "G6",
      [subscribe(), subscribed("e.3.t3", { stale: true })],
    ],
    [
      "a reason that a node without its store cannot know",
      "G4",
      [
        { type: "fault", fault: "store_refuses", phase: "start" },
        subscribe("e.3.t3"),
        subscribed("e.3.t3", { stale: true, reason: "trimmed" }),
        { type: "fault", fault: "store_refuses", phase: "stop" },
      ],
    ],
    [
      "an entry after it has left",
      "G4",
      [{ type: "left", subscriber: "s" }, delivery(1, "e.1.t1")],
    ],
    ["somebody left behind", "G4", [delivery(1, "e.1.t1"), ...ending("e.3.t3")]],
    [
      "timers that are left",
      "G8",
      [{ type: "baseline", owner: "node", connections: 0, subscriptions: 0, timers: 1 }],
    ],
    [
      "too much held for a slow reader",
      "G7",
      [
        { type: "opened", connection: "c", node: "n" },
        { type: "closed", connection: "c", code: 4002, by: "node", peak_bytes: 1_000_000 },
      ],
    ],
    [
      "work of a silent producer that is shown as running",
      "G9",
      [
        { type: "work", operation: "o", phase: "begun", lease_ms: 1 },
        { type: "work", operation: "o", phase: "crashed" },
      ],
    ],
  ])("the checker reports %s", (_, id, facts) => {
    if (id === "G9") {
      const all: Fact[] = [
        ...opening,
        ...facts,
        { type: "operation", operation: "o", status: "running" },
      ];
      const times = all.map((fact, i) => (fact.type === "operation" ? 60_000 : i));
      expect(violations(all, times)).toContain("G9");
      return;
    }
    expect(upTo(...facts)).toContain(id);
  });

  test("the checker reports G1 when publishes of one line are stored in another order than they were requested", () => {
    const facts = [
      publish(1),
      publish(2),
      entry(2, "e.1.t1"),
      entry(1, "e.2.t2"),
      stored(1, "e.2.t2"),
      stored(2, "e.1.t1"),
    ];
    expect(violations([...opening, ...facts])).toContain("G1");
  });

  test("a refused and retried publish has no fixed order against publishes made in between", () => {
    const again: Fact = { ...publish(1), attempt: 2 } as Fact;
    const refused: Fact = {
      type: "published",
      publisher: "p",
      n: 1,
      attempt: 1,
      outcome: "unknown",
      code: "store_unavailable",
    };
    const between = [publish(2), entry(2, "e.1.t1"), stored(2, "e.1.t1")];
    const later = [entry(1, "e.2.t2"), stored(1, "e.2.t2")];
    const full = [
      ...opening,
      publish(1),
      refused,
      ...between,
      again,
      ...later,
      ...ending("e.2.t2"),
    ];
    expect(violations(full)).toEqual([]);
    // A retry that precedes the other publish must also be stored before it.
    const before = [...opening, publish(1), refused, again, ...between, ...later];
    expect(violations([...before, ...ending("e.2.t2")])).toContain("G1");
  });

  test("the checker accepts publishes in swapped order only when the store refused requests while the first was under way", () => {
    const fault = { type: "fault", fault: "store_refuses" } as const;
    const refuses: Fact[] = [
      { ...fault, phase: "start" },
      { ...fault, phase: "stop" },
    ];
    const swapped = [entry(2, "e.1.t1"), stored(2, "e.1.t1"), entry(1, "e.2.t2")];
    const rest = [...swapped, stored(1, "e.2.t2"), ...ending("e.2.t2")];
    expect(violations([...opening, publish(1), ...refuses, publish(2), ...rest])).toEqual([]);
    const before = [...opening, ...refuses, publish(1), publish(2), ...rest];
    expect(violations(before)).toContain("G1");
    const later = [...opening, publish(1), publish(2), ...swapped, stored(1, "e.2.t2")];
    expect(violations([...later, ...refuses, ...ending("e.2.t2")])).toContain("G1");
  });

  test("the checker reports a violation at the record that shows it, not at the end of the journal", () => {
    const facts = [...opening, ...joined, ...log(3), delivery(1, "e.1.t1"), delivery(3, "e.3.t3")];
    const checker = new Checker();
    for (const [i, fact] of facts.entries()) {
      expect(checker.violations).toEqual([]);
      checker.take({ ...fact, t: i * 10 });
    }
    expect(checker.violations).toMatchObject([{ id: "G4", line: facts.length }]);
  });

  test("the checker reports G10 when a socket outlives its credential by more than 5 s, even after a wall clock jump", () => {
    const opened: Fact = { type: "opened", connection: "c", node: "n", expires_at: 1_060_000 };
    const closed: Fact = { type: "closed", connection: "c", code: 4101, by: "node", peak_bytes: 0 };
    const jump: Fact = { type: "wall", offset_ms: 1_050_000 };
    const facts = [...opening, opened, closed];
    expect(violations(facts, [0, 0, 0, 0, 0, 64_900])).not.toContain("G10");
    expect(violations(facts, [0, 0, 0, 0, 0, 66_000])).toContain("G10");
    const jumped = [...opening, opened, jump, closed];
    expect(violations(jumped, [0, 0, 0, 0, 0, 20_000, 24_900])).not.toContain("G10");
    expect(violations(jumped, [0, 0, 0, 0, 0, 20_000, 26_000])).toContain("G10");
  });

  test("the checker rejects a journal that is cut off", () => {
    expect(violations([...opening, ...log(1)])).toContain("journal");
  });
});

const operation = "o";
const work: readonly Fact[] = [
  {
    type: "channel",
    channel: "operation:o",
    max_entries: 100,
    max_age_ms: 3_600_000,
    projection: "operation",
    written_by: "gateway",
  },
  { type: "life", channel: "operation:o", epoch: "w" },
  { type: "work", operation, phase: "begun", lease_ms: 10_000, session: "s-ada" },
  { type: "lease", channel: "operation:o", fence: 1 },
];

function report(n: number, fence: number, key = `r${n}`): Fact {
  const [publisher, line, event, hash] = ["w", "one", "log", `h${n}`];
  const channel = "operation:o";
  return { type: "publish", publisher, n, line, attempt: 1, channel, key, event, hash, fence };
}

function happens(offset: number, event: string, key = `r${offset}`): Fact {
  const position = `w.${offset}.t${offset}`;
  const [channel, owner, hash] = ["operation:o", "service:w", `h${offset}`];
  return { type: "entry", channel, position, owner, key, event, hash };
}

function shown(sequence: number, status: string, of = operation): Fact {
  return { type: "document", reader: "f", operation: of, sequence, status };
}

describe("checks of work and its leases", () => {
  const nextLease: Fact = { type: "lease", channel: "operation:o", fence: 2 };

  test("an entry requested before a takeover of the lease may be stored, and requested again, after the takeover", () => {
    const inTime = [report(1, 1), nextLease, happens(1, "log")];
    const repeated = [report(1, 1), nextLease, report(2, 1, "r1"), happens(1, "log")];
    expect(violations([...opening, ...work, ...inTime, ...ending("e.0.0")])).toEqual([]);
    expect(violations([...opening, ...work, ...repeated, ...ending("e.0.0")])).toEqual([]);
  });

  test.each<[string, Fact[]]>([
    ["an entry for an old fence", [nextLease, report(1, 1), happens(1, "log")]],
    [
      "an ack for an old fence",
      [
        report(1, 1),
        happens(1, "log"),
        nextLease,
        report(2, 1, "r1"),
        {
          type: "published",
          publisher: "w",
          n: 2,
          attempt: 1,
          outcome: "stored",
          position: "w.1.t1",
          duplicate: true,
        },
      ],
    ],
    ["a fence that does not rise", [nextLease, nextLease]],
  ])("the checker reports G9 for %s", (_, facts) => {
    expect(violations([...opening, ...work, ...facts])).toContain("G9");
  });

  test("the checker accepts an acknowledged publish that was not stored only if it reports an outdated phase of a command", () => {
    const acked = (n: number): Fact => ({
      type: "published",
      publisher: "w",
      n,
      attempt: 1,
      outcome: "stored",
      position: "w.1.t1",
      duplicate: true,
    });
    const phase = { ...report(2, 1), event: "command" } as Fact;
    const first = [...opening, ...work, report(1, 1), happens(1, "log")];
    expect(violations([...first, phase, acked(2), ...ending("e.0.0")])).toEqual([]);
    expect(violations([...first, report(2, 1), acked(2)])).toContain("G2");
  });

  test("the checker reports G9 when work is taken over, falls silent again and is still shown as running", () => {
    const crashed: Fact = { type: "work", operation, phase: "crashed" };
    const taken: Fact = { type: "work", operation, phase: "taken" };
    const running: Fact = { type: "operation", operation, status: "running" };
    const facts = [...opening, ...work, crashed, taken, running];
    const late = facts.map((_, i) => (i === facts.length - 1 ? 60_000 : i));
    expect(violations(facts, late)).not.toContain("G9");
    const again = [...opening, ...work, crashed, taken, crashed, running];
    const later = again.map((_, i) => (i === again.length - 1 ? 60_000 : i));
    expect(violations(again, later)).toContain("G9");
  });
});

describe("checks of a command", () => {
  const asked = { type: "command", operation, user: "ada", key: "k", command: "cancel" } as const;
  const made: Fact = { ...asked, command_id: "c1" };
  const at = (facts: readonly Fact[], last: number) => {
    const all = [...opening, ...work, ...facts];
    return violations(
      all,
      all.map((_, i) => (i === all.length - 1 ? last : i)),
    );
  };
  const stands = (phase: string): Fact => ({
    type: "operation",
    operation,
    status: "running",
    commands: [{ id: "c1", phase }],
  });

  test("the checker reports G3 when one key makes two commands", () => {
    expect(at([made, made, stands("done")], 100)).not.toContain("G3");
    expect(at([made, { ...asked, command_id: "c2" }], 100)).toContain("G3");
  });

  test("a command that was accepted must be in the operation's state and must not stay unanswered by the producer forever", () => {
    const forgotten: Fact = { type: "operation", operation, status: "running", commands: [] };
    expect(at([made, forgotten], 100)).toContain("G2");
    expect(at([made, stands("requested")], 19_000)).not.toContain("G9");
    expect(at([made, stands("requested")], 21_000)).toContain("G9");
    expect(at([made, stands("timed_out")], 21_000)).not.toContain("G9");
    const gone: Fact = { type: "fault", fault: "crash", phase: "once", node: "n" };
    expect(at([made, gone, stands("requested")], 21_000)).not.toContain("G9");
  });
});

describe("checks of a feed", () => {
  const opened: Fact = { type: "feed", reader: "f", phase: "opened", session: "s-ada" };
  const begun = [...opening, ...work, opened, happens(1, "created"), happens(2, "started")];
  const ends = [happens(3, "done"), ...ending("e.0.0")];

  test("the checker accepts a feed that shows newer and newer states and then the last", () => {
    const facts = [...begun, shown(1, "waiting"), shown(2, "running"), happens(3, "done")];
    const all = [...facts, shown(3, "done"), ...ending("e.0.0")];
    expect(violations(all)).toEqual([]);
  });

  test.each<[string, string, Fact[]]>([
    ["an older state after a newer", "G1", [shown(2, "running"), shown(1, "waiting")]],
    ["a state that never was", "G4", [shown(7, "running")]],
    ["another status than the log has there", "G4", [shown(2, "waiting")]],
    ["work of another session", "G10", [shown(2, "running", "other")]],
  ])("the checker reports a feed that shows %s as a violation of %s", (_, id, facts) => {
    expect(violations([...begun, ...facts])).toContain(id);
  });

  test("the checker reports G4 when a feed never shows the last state in the log", () => {
    const facts = [...begun, shown(2, "running"), ...ends];
    const times = facts.map((_, i) => (i >= facts.length - 2 ? 10_000 : i));
    expect(violations(facts, times)).toContain("G4");
    expect(violations(facts)).not.toContain("G4");
  });
});

test("the checker reports G10 when a subscription starts that the credential did not allow", () => {
  const asks: Fact = { type: "subscribe", subscriber: "s", channel, allowed: false };
  expect(violations([...opening, asks, subscribed("e.0.0")])).toContain("G10");
  const left: Fact = { type: "left", subscriber: "s" };
  expect(violations([...opening, asks, left, ...ending("e.0.0")])).toEqual([]);
});

describe("subscriptions that wait for their operation", () => {
  const operation = "operation:1";
  const waiting = (allowed?: false): Fact[] => [
    opening[0] as Fact,
    {
      type: "channel",
      channel: operation,
      max_entries: 5,
      max_age_ms: 3_600_000,
      projection: "operation",
      written_by: "gateway",
    },
    { type: "life", channel: operation, epoch: "e" },
    {
      type: "subscribe",
      subscriber: "s",
      channel: operation,
      ...(allowed === undefined ? {} : { allowed }),
    },
    { type: "pending", subscriber: "s" },
  ];
  const begun: Fact[] = [1, 2].map((n) => ({
    type: "entry",
    channel: operation,
    position: `e.${n}.t${n}`,
    owner: "service:works",
    event: "created",
    hash: `h${n}`,
  }));
  const judged = (facts: readonly Fact[], endsAt: number) => {
    const stored = facts.filter(({ type }) => type === "entry").length;
    const head = stored === 0 ? "e.0.0" : `e.${stored}.t${stored}`;
    const closing: Fact[] = [
      { type: "healed", within_ms: 0 },
      { type: "dump", channel: operation, head, entries: [] },
      { type: "end" },
    ];
    return violations(
      [...facts, ...closing],
      [...facts.map((_, i) => i), ...closing.map(() => endsAt)],
    );
  };

  test("the checker accepts a subscription that waits for an operation that does not exist or is not allowed", () => {
    expect(judged(waiting(), 90_000)).toEqual([]);
    expect(judged([...waiting(false), ...begun], 90_000)).toEqual([]);
    // The announcement of a new operation may be lost on the way and found at the next position check.
    expect(judged([...waiting(), ...begun], 20_000)).toEqual([]);
  });

  test("the checker reports G4 when a subscription still waits for an operation that exists", () => {
    expect(judged([...waiting(), ...begun], 90_000)).toContain("G4");
  });

  test("the checker reports G4 when a subscription to a channel without an operation waits", () => {
    const facts: Fact[] = [...opening, subscribe(), { type: "pending", subscriber: "s" }];
    expect(judged(facts, 10)).toContain("G4");
  });

  test("[P-OP-10] the checker accepts that a subscription starts anew after it has waited, with a reason", () => {
    const facts: Fact[] = [
      ...waiting(),
      ...begun,
      { type: "subscribed", subscriber: "s", position: "e.2.t2", recovered: false },
    ];
    expect(judged(facts, 90_000)).toEqual([]);
  });
});
