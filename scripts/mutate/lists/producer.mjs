import { faultsIn } from "../faults-in.mjs";

const producer = "packages/producer/src";

/** Faults in the SDK of the work. */
export const producerMutants = [
  ...faultsIn(`${producer}/backoff.ts`, [
    [
      "Math.min(atLeastMs, maxAskedMs) + random.fraction() * bound",
      "random.fraction() * bound",
      "a producer comes back earlier than the gateway has asked",
    ],
    ["Math.min(capMs, baseMs", "Math.max(capMs, baseMs", "the wait between retries has no bound"],
  ]),
  ...faultsIn(`${producer}/outbox.ts`, [
    [
      "this.bytes > this.#bounds.maxBytes || this.size",
      "this.size",
      "waiting reports may have any size",
    ],
    ["|| this.size > this.#bounds.maxReports;", ";", "any number of reports waits"],
    [
      '["info", "state", "text", "warning"] as const',
      '["warning", "state", "text", "info"] as const',
      "warnings are dropped before other lines of the log",
    ],
    [
      "if (isDroppable(weight)) this.#droppable[weight].add(place);",
      "this.#droppable[weight as Droppable]?.add(place);",
      "reports of the lifecycle are dropped",
      "#droppable has no set for lifecycle reports, so the optional call adds them nowhere",
    ],
    [
      "if (this.#sent.length > 0) return this.#sent.slice(0, maxReports);",
      "",
      "a batch that failed is sent with other keys",
    ],
    ["if (isFull && this.#sent.length > 0) break;", "", "a batch may have any size"],
    ["this.#tellDropped(victim, weight);", "", "dropped reports leave no trace"],
    [
      'if (weight === "lifecycle") this.#latest.clear();',
      "",
      "progress is merged across a change of the lifecycle",
    ],
  ]),
  ...faultsIn(`${producer}/merge.ts`, [
    [
      "if (earlier.done || later.reset) return undefined;",
      "",
      "a text goes on in the piece that ended it",
    ],
    [
      "if (append.length > maxTextPiece) return undefined;",
      "",
      "a merged piece of text has no bound",
    ],
    [
      "...(earlier.reset ? { reset: true } : {}),",
      "",
      "a merged piece forgets that the text began anew",
    ],
  ]),
  ...faultsIn(`${producer}/command-loop.ts`, [
    [
      "if (news === 0 && clock.monotonic() - startedAt < idlePauseMs) delayMs = idlePauseMs;",
      "",
      "a gateway that answers at once is asked without a pause",
    ],
    ["this.#failures = 0;", "", "the wait for commands grows with every failure there ever was"],
    [
      "if (this.#failures === 1 || this.#isEnded) {",
      "if (true) {",
      "every failed wait for commands is reported",
    ],
    [
      "if (this.#holders === 0) this.#pauseAll();",
      "",
      "a producer without work keeps asking for commands",
    ],
  ]),
  ...faultsIn(`${producer}/deadline.ts`, [
    ["controller.abort(error);", "", "a call that timed out is not cancelled"],
  ]),
  ...faultsIn(`${producer}/estimated-waits.ts`, [
    [
      "Math.max(0, meanMs - elapsed)",
      "meanMs",
      "the time that work has run already is not subtracted",
    ],
  ]),
  ...faultsIn(`${producer}/pause-gate.ts`, [
    ["return this.pass(signal);", "", "work that was paused again at once goes on"],
    ["signal.throwIfAborted();", "", "work that was cancelled while it was paused goes on"],
  ]),
  ...faultsIn(`${producer}/producer.ts`, [
    [
      "if (this.#ended.size <= endedKept) break;",
      "break;",
      "operations that ended are kept for ever",
    ],
    [
      "for (const operation of this.#holds.keys()) operation.abort(error);",
      "",
      "closing a producer does not end its work",
    ],
    [
      "await Promise.all([...this.#ended].map((operation) => operation.delivered));",
      "",
      "closing a producer loses the last reports",
    ],
  ]),
  ...faultsIn(`${producer}/tracked-operation.ts`, [
    [
      "if (this.#knownCommands.has(command.command_id)) return false;",
      "",
      "a command that arrives twice is done twice",
    ],
    [
      'if (wasCancelled) this.#answer(command, "done");\n      else',
      "",
      "a cancel that worked is answered as refused",
    ],
    [
      "if (this.#knownCommands.size <= maxKnownCommands) return;",
      "return;",
      "known commands are kept for ever",
    ],
    [
      'if (this.#phase === "ended") {',
      "if (false) {",
      "a command for work that has ended is acknowledged",
    ],
    [
      'outcome.error.code !== "shutting_down"',
      "true",
      "work that a shutdown ended counts as cancelled by a person",
    ],
    [
      'if (this.#isPaused) this.reporter.report({ event: "resumed", data: {} });',
      'this.reporter.report({ event: "resumed", data: {} });',
      "work that was never paused is resumed",
    ],
  ]),
  ...faultsIn(`${producer}/worker.ts`, [
    [
      "while (this.#running.size < this.#concurrency) {",
      "while (this.#running.size <= this.#concurrency) {",
      "a worker runs one job more than allowed",
    ],
    [
      "if (item.place === place) continue;",
      "",
      "waiting work reports the same place again and again",
    ],
    [
      'if (outcome.status === "done") this.#durations.add',
      "this.#durations.add",
      "work that failed at once makes the estimates shorter",
    ],
  ]),
  ...faultsIn(`${producer}/answer.ts`, [
    [
      "cutText(this.#waiting, this.#maxPiece)",
      "this.#waiting.slice(0, this.#maxPiece)",
      "an answer is cut within a character",
    ],
    [
      "if (this.#waiting.length > maxWaiting) {",
      "if (false) {",
      "an answer that the gateway does not take grows without a bound",
    ],
  ]),
  ...faultsIn(`${producer}/reporter.ts`, [
    [
      "this.#lease.ttl_ms / 3 -",
      "this.#lease.ttl_ms * 3 -",
      "a lease expires while the work is silent",
    ],
    [
      'if (this.#failures === 0) this.#tell(error.code, error.message, "retrying");',
      'this.#tell(error.code, error.message, "retrying");',
      "every failed report is reported",
    ],
    [
      "} else this.#batchLimit = Math.ceil(batch.length / 2);",
      "}",
      "one report that the gateway refuses blocks all",
    ],
    ["this.#onTakenOver(error);", "", "work that was taken over goes on"],
    [
      "return !isEnd(only.report) || slimmerReport(only.report) !== undefined;",
      "return true;",
      "a proxy's answer takes the end of an operation",
    ],
  ]),
  ...faultsIn(`${producer}/operation-creation.ts`, [
    [
      "this.#foreignRefusals % 10 === 0",
      "false",
      "a firewall that dislikes a description hides the operation",
    ],
  ]),
  ...faultsIn(`${producer}/slimmer.ts`, [
    [
      "slimmerCreate(slim, true)",
      "slimmerCreate(slim, false)",
      "a proxy's answer takes the owner of an operation",
    ],
  ]),
  ...faultsIn(`${producer}/foreign-answer.ts`, [
    [
      "&& bytes <= alwaysSmall",
      "&& false",
      "a proxy that finds every request too large takes small reports",
    ],
  ]),
  ...faultsIn(`${producer}/field-repair.ts`, [
    [
      "if (lost !== undefined) complain",
      "if (false) complain",
      "what JSON cannot carry is lost without a word",
    ],
  ]),
];
