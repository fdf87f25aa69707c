import { faultsIn } from "../faults-in.mjs";

const durable = "packages/core/src/durable";

/** Faults in acknowledged delivery. */
export const durableMutants = [
  ...faultsIn(`${durable}/delivery-ledger.ts`, [
    [
      "delivery.isOut && delivery.attempts < terms.maxAttempts;",
      "delivery.isOut;",
      "a last attempt that was cut off is repeated",
    ],
    [
      "dueAt: isCut ? now : dueAt };",
      "dueAt };",
      "a delivery that was cut off waits for its deadline at the next connection",
    ],
    [
      "Math.min(delivery.dueAt - epochMs, furthest)",
      "delivery.dueAt - epochMs",
      "a clock that was set back delays a delivery for ever",
    ],
    [
      "return maxUnsettled - this.#pending.size;",
      "return maxUnsettled;",
      "the unacknowledged entries have no bound",
    ],
    [
      'if (entry.refusal !== undefined) {\n      this.settle(offset);\n      return "taken";\n    }',
      "",
      "an ack of a refused entry leaves it refused",
    ],
    ["if (at > offset) break;", "", "an ack takes later entries with it"],
    [
      "if (refusal === undefined) this.settle(at);",
      "this.settle(at);",
      "an ack takes refused entries with it",
    ],
    ["if (replay.isOut) this.#setReplay", "this.#setReplay", "a replay is refused twice"],
    [
      'entry === undefined || !entry.isOut) return "known";',
      'entry === undefined) return "known";',
      "an entry is refused twice",
    ],
    [
      "({ dueAt }: Delivery) => dueAt <= now",
      "({ dueAt }: Delivery) => dueAt < now",
      "a delivery that is due now waits",
    ],
    [
      "attempts >= maxAttempts;\n    const pending",
      "attempts > maxAttempts;\n    const pending",
      "an entry is delivered once more than allowed",
    ],
    [
      "entry?.position.tag === tag && entry.isOut ? entry.attempts",
      "entry?.position.tag === tag ? entry.attempts",
      "an entry that was refused meanwhile is sent",
    ],
    [
      "if (entry === undefined || entry.dueAt > now) return false;",
      "if (entry === undefined) return false;",
      "an entry that was acknowledged or delayed meanwhile is repeated",
    ],
    [
      "if (this.#pending.delete(offset)) this.#dirty.add(offset);",
      "this.#pending.delete(offset);",
      "a settled entry is not saved as settled",
    ],
    [
      "if (this.#replays.has(deadLetter) || this.#dirtyReplays.has(deadLetter)) continue;",
      "if (this.#replays.has(deadLetter)) continue;",
      "a replay that was just acknowledged comes again",
    ],
    [
      "for (const offset of settled) this.#dirty.add(offset);",
      "",
      "an ack whose save failed is forgotten",
    ],
    [
      "for (const { position } of pending) this.#dirty.add(position.offset);",
      "",
      "a delivery whose save failed is forgotten",
    ],
    ["this.#savedAcked = unsaved;", "", "a position whose save failed is not saved again"],
    [
      'if (epoch !== sent.epoch) return "known";',
      "",
      "an ack of an earlier epoch settles entries of this one",
    ],
    ["replay.attempts > 0 && same", "same", "a replay that was not delivered yet is acknowledged"],
    [
      "const wait = isSpent ? 0 : retryDelayOf",
      "const wait = retryDelayOf",
      "the dead letter of a refused entry waits for a retry that never comes",
    ],
    [
      "refusal: reason, dueAt: now + wait, isOut: false };",
      "refusal: reason, dueAt: now + wait, isOut: true };",
      "a refused entry counts as delivered",
    ],
    [
      "own !== undefined && own !== tag ?",
      "own === tag && own === undefined ?",
      "an ack with a wrong tag is taken",
    ],
    [
      'if (offset > sent.offset) return "unknown";',
      'if (offset > sent.offset + 1) return "unknown";',
      "an ack of an entry that was not delivered yet is taken",
    ],
    [
      "a.offset === b.offset && a.tag === b.tag && a.epoch === b.epoch",
      "a.offset === b.offset",
      "two replays at one offset are one",
    ],
  ]),
  ...faultsIn(`${durable}/durable-reader.ts`, [
    [
      "const maxReplies = 1_024;",
      "const maxReplies = Number.POSITIVE_INFINITY;",
      "acks that wait to be saved have no bound",
    ],
    [
      "const refreshMs = 30_000;",
      "const refreshMs = 300_000;",
      "a subscriber that was taken over notices after five minutes",
    ],
    [
      "goesOnLocally === true && isAppendedLater !== true) throw notKept",
      "goesOnLocally === undefined) throw notKept",
      "a durable subscriber is granted on a channel that forgets",
    ],
    [
      "if (reason !== undefined) await this.#jump(ledger, slice, reason);\n      if",
      "if",
      "a subscriber whose position was trimmed stays there",
    ],
    ["!claim.isNew || start.isAsked;", "true;", "a new subscriber is told that nothing was missed"],
    [
      "else await this.#undelivered.remove(deadLetter.id);",
      "",
      "an entry that was acknowledged while its dead letter was written has both",
    ],
    [
      'const isShorter = reason === "tag_mismatch";',
      "const isShorter = false;",
      "a log that lost its tail sends a subscriber back to its start",
    ],
    [
      'if (reason === "trimmed") await this.#undelivered.span(acked, floor, reason);\n      else',
      "",
      "entries that were trimmed before their ack leave no dead letter",
    ],
    [
      "if (!this.#wants(entry) || expired.has(entry)) {",
      "if (expired.has(entry)) {",
      "a subscriber of some events receives all",
    ],
    [
      "if (end !== undefined && ledger.isSettled) await this.#end",
      "if (end !== undefined) await this.#end",
      "the end of a channel is sent while entries are unacknowledged",
      "#end saves what is left and then asks the same question again",
    ],
    [
      "while (!this.#isOver && ledger.capacity > 0) {",
      "while (!this.#isOver) {",
      "a subscriber that acknowledges nothing receives everything",
      "with no capacity left, the read has the limit 0 and finds nothing to deliver",
    ],
    [
      "attempt: times + (replay?.before ?? 0) });",
      "attempt: times });",
      "a replayed dead letter starts to count its attempts anew",
    ],
    [
      "if (times === undefined) continue;",
      "",
      "an entry that was acknowledged before it was sent is sent",
    ],
    [
      "if (isSaved) reply.onSaved(acked);\n      else",
      "reply.onSaved(acked);\n      if (false)",
      "an ack that the store refused is confirmed",
    ],
    [
      "ledger.untakeChange(change);\n        this.#replies.unshift(...replies);",
      "this.#replies.unshift(...replies);",
      "a change whose save failed is forgotten",
    ],
    ["this.#replies.unshift(...replies);", "", "an ack whose save failed once is never answered"],
    [
      "found?.position.tag === position.tag && found.position.epoch === position.epoch;",
      "found !== undefined;",
      "another entry at the same offset is delivered again",
    ],
    [
      "ledger.untakeDelivered(delivered);\n      throw error;",
      "throw error;",
      "the dead letter of an acknowledged replay stays when the store failed once",
    ],
    [
      "if (found !== undefined && ledger.isReplaying(deadLetter)) {",
      "if (found !== undefined) {",
      "a replay that was acknowledged meanwhile becomes a dead letter",
      "the next save removes the dead letter of an acknowledged replay, also one that was just written again",
    ],
    [
      "- ts > this.#terms.maxAgeMs;",
      "- ts > 10 * this.#terms.maxAgeMs;",
      "entries are delivered long after their age",
    ],
    [
      "if (!this.#isOver) this.#context.wheel.set(this, retryMs);\n      else",
      "",
      "a subscriber whose store failed once delivers nothing more",
    ],
    [
      'else if (replays === "taken" || !(await this.#restore(ledger))) this.#lose(ledger);',
      "",
      "two connections deliver to one subscriber",
    ],
    [
      "if (wasOver) return;\n    if (this.#ledger",
      "if (this.#ledger",
      "a subscriber that has left is told that it was taken over",
    ],
  ]),
  ...faultsIn(`${durable}/durable-terms.ts`, [
    [
      "Math.min(ackWaitMs * 2 ** (attempt - 1), Math.max(ackWaitMs, maxAckWaitMs))",
      "ackWaitMs * 2 ** (attempt - 1)",
      "the wait for an ack grows without a bound",
    ],
    [
      "ackWaitMs * 2 ** (attempt - 1)",
      "ackWaitMs * 2 ** attempt",
      "the first wait for an ack is twice as long as the rule says",
    ],
    [
      "Math.min(firstRetryMs * 2 ** (attempt - 1), maxRetryMs)",
      "firstRetryMs * 2 ** (attempt - 1)",
      "the wait after a nack grows without a bound",
    ],
    [
      "return Math.round(wait * (1 + jitter * fraction));",
      "return Math.round(wait);",
      "waits for acks have no jitter",
    ],
    [
      "export const maxUnsettled = 1_000;",
      "export const maxUnsettled = 100_000;",
      "a subscriber may leave a hundred thousand entries unacknowledged",
    ],
    ["maxAttempts = 5,", "maxAttempts = 50,", "an entry is delivered fifty times"],
  ]),
  ...faultsIn(`${durable}/durable-start.ts`, [
    [
      "return floor.offset === 0\n",
      "return floor.offset >= 0\n",
      "a durable start at the oldest entry hides that older ones were trimmed",
    ],
    [
      "entry?.position.offset === before ? entry.position : floor",
      "floor",
      "a durable start with the last entries begins at the oldest",
    ],
  ]),
  ...faultsIn(`${durable}/undelivered-entries.ts`, [
    [
      "attempts: deadLetter.attempts + attempts }",
      "attempts }",
      "a dead letter forgets its earlier attempts",
    ],
  ]),
];
