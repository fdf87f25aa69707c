import { faultsIn } from "../faults-in.mjs";

const queue = "packages/core/src/send-queue";

/** Faults in what waits for a slow subscriber. */
export const sendQueueMutants = [
  ...faultsIn(`${queue}/send-queue.ts`, [
    [
      "if (this.#queuedBytes > this.#maxBytes) this.#makeRoom();",
      "",
      "one turn may queue any number of bytes",
    ],
    [
      "if (!this.#held.fits(this.#maxBytes - this.#queuedBytes)) this.#overflowed = true;",
      "",
      "held entries have no bound within a turn",
    ],
    [
      "if (room < 0 || this.#held?.fits(room) === false) this.#overflow();",
      "",
      "a slow subscriber costs any amount of memory",
    ],
    [
      "if (this.isClosed || !this.isCongested) return undefined;",
      "if (this.isClosed) return undefined;",
      "a replay waits beside an empty queue",
    ],
    [
      "if (part !== undefined && part.length < ownWriteBytes) continue;",
      "if (part !== undefined) continue;",
      "large messages are copied before they are written",
    ],
    [
      "(!this.isClosed && this.isCongested)",
      "this.isCongested",
      "whoever waits for a closed queue waits for ever",
    ],
    [
      "this.#deferred = this.#deferred?.filter((other) => other !== message);",
      "",
      "a message that was withdrawn is sent",
    ],
    [
      "if (this.#closed || this.#overflowed) return;\n    if (this.#queuedBytes",
      "if (this.#queuedBytes",
      "a queue that has closed takes bytes",
    ],
  ]),
  ...faultsIn(`${queue}/held-entries.ts`, [
    [
      "for (const queue of this.#queues) queue.merge();",
      "",
      "held entries overflow without being merged",
    ],
    [
      "queue.rank < first.rank) first = queue;",
      "queue.rank > first.rank) first = queue;",
      "the least urgent entries are sent first",
    ],
    [
      "return this.size <= room - room / 8;",
      "return this.size <= room;",
      "a full queue merges again at every entry",
    ],
  ]),
  ...faultsIn(`${queue}/merge-waiting.ts`, [
    [
      "if (earlier.publication.source !== later.publication.source) return undefined;",
      "",
      "entries of two channels of a roll-up are merged",
    ],
    [
      "if (earlier.publication.priority !== later.publication.priority) return undefined;",
      "",
      "entries of two priorities are merged",
    ],
    ["hole = from;\n      continue;", "continue;", "a merged entry does not say what it replaces"],
    ['if (event === endEvent) return "lifecycle";', "", "the end of a channel is merged away"],
    [
      "if (!isFollowed) yield publication;",
      "yield publication;",
      "entries of the moment are kept for a slow subscriber",
    ],
    [
      'merge === "state") return `${source} ${event}`',
      'merge === "state") return `${event}`',
      "the state of one channel of a roll-up replaces another's",
    ],
  ]),
  ...faultsIn(`${queue}/concatenate-texts.ts`, [
    [
      "if (before.length + piece.length > maxLength) return undefined;",
      "",
      "a merged text has no bound",
    ],
    ["|| isEnd(earlier)) return undefined;", ") return undefined;", "a text goes on after its end"],
    [
      "if (JSON.stringify(earlier[field]) !== JSON.stringify(later[field])) return undefined;",
      "",
      "the texts of two messages are merged",
    ],
  ]),
  ...faultsIn(`${queue}/batches.ts`, [
    ["length + size > maxLength)", "false)", "a batch may have any size"],
    ["i - from >= maxEntries", "i - from > maxEntries", "a batch has one entry too many"],
  ]),
  ...faultsIn(`${queue}/ticker.ts`, [
    [
      "const sliceSize = 1_024;",
      "const sliceSize = 1_024_000;",
      "one turn writes to every connection of the node",
    ],
    [
      "this.#onError(error);",
      "throw error;",
      "one connection that fails ends the turn of the others",
    ],
  ]),
];
