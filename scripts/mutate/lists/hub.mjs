import { faultsIn } from "../faults-in.mjs";

const hub = "packages/core/src/hub";

/** Faults in how a subscription starts, resumes, recovers and stays live. */
export const hubMutants = [
  ...faultsIn(`${hub}/recovery.ts`, [
    [
      "position.offset > head.offset) return",
      "position.offset > head.offset + 1) return",
      "a position one past the head is taken for the log's",
      "the log has no entry at such a position, so the check of the tag gives the same answer",
    ],
    [
      "position.offset < floor.offset) return",
      "position.offset < floor.offset - 1) return",
      "a position that was just trimmed is judged by its tag",
    ],
    [
      "here.tag !== position.tag) return",
      "here.tag === undefined) return",
      "an entry with another tag at the same offset is taken for the same",
    ],
    [
      "position.epoch !== head.epoch) return",
      'position.epoch === "") return',
      "a position of another epoch is continued",
    ],
    [
      "head.offset - position.offset > behind ?",
      "head.offset - position.offset > behind + 1 ?",
      "a replay of one entry more than the limit is granted",
    ],
    [
      "head.offset - position.offset > behind ?",
      "head.offset - position.offset >= behind ?",
      "a replay of exactly the limit is refused",
    ],
    [
      "own ? entries.slice(1) : entries",
      "own ? entries : entries",
      "a resume delivers the entry at the position again",
    ],
    [
      "at.epoch === position.epoch ? reason",
      "at.epoch !== position.epoch ? reason",
      "a reset names the wrong reason after a new epoch",
    ],
    [
      "Math.max(floor.offset, head.offset - bounds.behind)",
      "floor.offset",
      "a gap goes back further than the limit of a replay",
    ],
    [
      "if (head.offset - floor.offset > bounds.behind)",
      "if (head.offset - floor.offset >= bounds.behind)",
      "a start at the oldest entry with exactly the limit is cut",
    ],
    [
      "Math.min(since.last, bounds.behind)",
      "since.last",
      "a start with the last entries reads past the limit of a replay",
    ],
    ["(end === undefined ? 0 : 1)", "0", "the end of a channel counts as one of the last entries"],
    [
      "return floor.offset === 0\n",
      "return floor.offset >= 0\n",
      "a start at the oldest entry hides that older ones were trimmed",
    ],
    [
      "offset > floor.offset && first !== undefined",
      "first !== undefined",
      "a read at the floor takes a trimmed entry's successor for it",
      "the log returns no entry at or below its floor, so the first one never has the offset of the floor",
    ],
    [
      "return { ...at, recovered: false, reason, gapFrom: since };",
      "return { ...at, recovered: false, reason };",
      "a resume over a gap does not say what is missing",
    ],
    [
      "return { position: since, recovered: true,",
      "return { position: since, recovered: false,",
      "a complete resume does not say that nothing was missed",
    ],
  ]),
  ...faultsIn(`${hub}/hub-channel.ts`, [
    [
      "this.#incoming === undefined || this.#incoming.length >= incomingLimit",
      "this.#incoming === undefined",
      "the buffer of a joining subscriber has no bound",
    ],
    [
      "const incomingLimit = 10_000;",
      "const incomingLimit = 10;",
      "the buffer of a joining subscriber overflows at ten entries",
    ],
    [
      "position.offset === last.offset + 1 &&",
      "position.offset > last.offset &&",
      "a lost entry on the bus is skipped without a word",
      "every entry names the tag of the one before it, which the next line compares",
    ],
    [
      "previousTag === undefined || previousTag === last.tag",
      "true",
      "an entry that follows another predecessor is accepted",
    ],
    [
      "if (known === undefined || tag === known.tag) return;",
      "return;",
      "an entry that replaces a known one is ignored",
    ],
    [
      "if (this.#last === undefined && this.#joiners === 0) return;",
      "",
      "a channel without subscribers collects entries",
    ],
    [
      "if (isFirst) this.#takeIncoming(0);",
      "",
      "entries that arrived during the first read wait for the next one",
    ],
    [
      "before.epoch !== head.epoch || before.offset > head.offset) return true;",
      "before.epoch !== head.epoch) return true;",
      "a log that lost its tail is not noticed by a join",
    ],
    [
      "before.offset === head.offset && before.tag !== head.tag;",
      "false;",
      "a log whose newest entry was replaced is not noticed by a join",
    ],
    [
      "if (!isKept || head.offset - position.offset > this.#context.maxReplayEntries) return undefined;",
      "if (!isKept) return undefined;",
      "a resume from memory has no limit",
    ],
    [
      "position.epoch === head.epoch && position.offset >= floor.offset",
      "position.epoch === head.epoch",
      "a resume from memory delivers entries that were trimmed",
    ],
    [
      "if (breakOf(newest, slice, Number.POSITIVE_INFINITY) !== undefined) {",
      "if (false) {",
      "a resume from memory trusts entries that the log has lost",
    ],
    [
      "entries: rest.length === 0 ? known : [...known, ...rest],",
      "entries: known,",
      "a resume from memory leaves out what the bus has not brought yet",
    ],
    [
      "own.offset > last.offset) {\n      this.#groups.addAhead",
      "own.offset > last.offset + 1) {\n      this.#groups.addAhead",
      "a subscriber one entry ahead receives that entry again",
    ],
    [
      "own.epoch === head.epoch && own.offset > head.offset;",
      "false;",
      "a subscriber ahead of a log that lost its tail is left alone",
    ],
    [
      "if (!samePlace(head, before)) await this.heal();",
      "if (head.offset > before.offset) await this.heal();",
      "the check of positions overlooks a log that lost its tail",
    ],
    ["else this.#recent?.forget(floor.offset);", "", "entries that were trimmed stay in memory"],
    [
      "await this.#context.pause(retryMs);\n      }\n    }",
      "}\n    }",
      "a channel that cannot be read is read again without a pause",
    ],
    [
      "this.#readUpTo >= recovery.head.offset;",
      "true;",
      "the recovery of a channel stops after one page",
    ],
    [
      "for (const hubSubscriber of ahead) this.rejoin(hubSubscriber);\n    return level.length;",
      "return level.length;",
      "subscribers ahead of a channel stay cut off after a reset",
    ],
    [
      "this.#recent?.clear();\n    for (const hubSubscriber of level)",
      "for (const hubSubscriber of level)",
      "entries of a lost tail stay in memory after a reset",
    ],
    [
      'if (back.kind !== "contiguous") return back;',
      "",
      "readers of a local channel skip what they left behind in the store",
    ],
    [
      "if (isFullBatch(this.#batch?.length ?? 0, this.#batchLength)) ticker",
      "if (false) ticker",
      "a full batch waits for the end of its window",
    ],
    [
      "a.epoch === b?.epoch && a.offset === b.offset && a.tag === b.tag",
      "a.epoch === b?.epoch && a.offset === b.offset",
      "two entries at one offset are one place",
    ],
  ]),
  ...faultsIn(`${hub}/join.ts`, [
    [
      "const startMs = 10_000;",
      "const startMs = 100_000;",
      "a subscription waits a hundred seconds for a store that does not answer",
    ],
    [
      "await channel.attached;\n    if (hubSubscriber.left) return;",
      "await channel.attached;",
      "a subscriber that left still reads the log",
    ],
    [
      "if (channel.isDenied(before, start.head)) await channel.heal();\n    if",
      "if",
      "a joiner receives entries of a lost tail",
    ],
    [
      "mustRead ? undefined : channel.missing",
      "channel.missing",
      "a subscriber that was ahead trusts a channel that is behind",
    ],
    ["hubSubscriber.own = recovery.to;", "", "a subscriber does not move over its gap"],
    [
      "if (isDenied) await channel.heal();",
      "",
      "a joiner waits for ever beside a channel whose tail was lost",
    ],
    [
      "if (!isDenied || channel.last === before)",
      "if (!isDenied)",
      "a log that contradicts itself is read without end",
    ],
    [
      "if (drained !== undefined) await drained;",
      "",
      "a replay does not wait for a slow subscriber",
    ],
    [
      "if (last.event === endEvent) hubSubscriber.end(last);",
      "",
      "a replay goes on after the end of its channel",
    ],
  ]),
  ...faultsIn(`${hub}/subscriber-groups.ts`, [
    [
      "tag !== undefined && tag !== hubSubscriber.own?.tag",
      "false",
      "a subscriber ahead of the channel keeps an entry that the log does not have",
    ],
    [
      "part.slice(Math.max(0, own + 1 - first))",
      "part",
      "a subscriber ahead of the channel receives entries twice",
    ],
    [
      "last !== undefined && last !== hubSubscriber",
      "false",
      "a subscriber that leaves takes another one with it",
    ],
    [
      "if (sendQueue.isHolding) hubSubscriber.subscriber.onPublications(part, before);\n        else",
      "",
      "entries for a slow subscriber are never merged",
    ],
  ]),
  ...faultsIn(`${hub}/hub-subscriber.ts`, [
    [
      "if (formatPosition(position) !== formatPosition(end.position)) return;",
      "",
      "a subscriber is told of an end before the entries in front of it",
    ],
    [
      "if (this.left) return;\n    this.left = true;",
      "this.left = true;",
      "a subscriber leaves its channel twice",
      "the second time the subscriber is in no list any more, and removing it does nothing",
    ],
  ]),
  ...faultsIn(`${hub}/hub.ts`, [
    [
      "positionCheckMs = 25_000;",
      "positionCheckMs = 250_000;",
      "a lost entry is looked for after four minutes",
    ],
    [
      "if (channel.isUnused) this.#detach(channel);\n        else",
      "",
      "a channel without subscribers is kept for ever",
    ],
    [
      "return detached.then(() => this.#bus.subscribe(name, policy));",
      "return this.#bus.subscribe(name, policy);",
      "a channel attaches while it still detaches",
    ],
    [
      "this.#disrupted ? 0 : positionCheckMs",
      "positionCheckMs",
      "entries lost during a check wait for the next check",
    ],
    [
      "else this.#wheel.set(this.#sweep, 0);",
      "",
      "a disruption of the bus is looked at with the next check only",
    ],
    [
      "if (this.#channels.get(name) === channel) this.#channels.delete(name);",
      "",
      "a channel that could not attach is never tried again",
    ],
  ]),
  ...faultsIn(`${hub}/recent-entries.ts`, [
    [
      "joint.tag !== first.previousTag) return;",
      "joint.tag === undefined) return;",
      "entries of another history are put before those in memory",
    ],
    [
      "before.length + this.#entries.length > maxEntries) return;",
      "false) return;",
      "the entries in memory exceed their number",
    ],
    [
      "this.#length + length > maxLength) return;",
      "false) return;",
      "the entries in memory exceed their size",
    ],
    [
      "return here === tag ? this.#entries.slice(index) : undefined;",
      "return this.#entries.slice(index);",
      "a resume from memory ignores the tag",
    ],
    [
      "this.#entries.length > maxEntries || this.#length > maxLength;",
      "this.#length > maxLength;",
      "a channel keeps any number of small entries in memory",
    ],
    [
      "this.#entries.slice(offset + 1 - first.position.offset)",
      "this.#entries.slice(offset - first.position.offset)",
      "one trimmed entry stays in memory",
    ],
  ]),
  ...faultsIn(`${hub}/recent-budget.ts`, [
    [
      "if (this.#length > this.#maxLength) this.#shrink();",
      "",
      "the entries in memory of all channels have no bound",
    ],
    [
      "if (recent.length === 0) this.#kept.delete(recent);\n    else",
      "",
      "empty channels are remembered for ever",
    ],
  ]),
  ...faultsIn(`${hub}/encoded-pages.ts`, [
    ["if (this.#youngBytes > maxPageBytes / 2) this.age();", "", "encoded pages have no bound"],
    ["@${entries[0]?.position.offset}-", "@", "two pages with the same end are taken for one"],
  ]),
];
