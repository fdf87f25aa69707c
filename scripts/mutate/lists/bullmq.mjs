import { faultsIn } from "../faults-in.mjs";

const bullmq = "packages/bullmq/src";

/** Faults in the adapter for BullMQ, and in the source of messages. */
export const bullmqMutants = [
  ...faultsIn(`${bullmq}/running-jobs.ts`, [
    ["job.opts.attempts = 0;", "", "a cancelled job is tried again"],
    [
      'if (code === "cancelled") this.#cancelWork(running, message);',
      "",
      "a cancel does not reach the job",
    ],
    [
      'const willRetry = typeof job.finishedOn !== "number";',
      "const willRetry = false;",
      "an attempt that BullMQ repeats ends the operation",
    ],
  ]),
  ...faultsIn(`${bullmq}/ended-jobs.ts`, [
    [
      "if (isFinal(operation.status)) return;",
      "return;",
      "an end that no worker reported is never told",
    ],
  ]),
  ...faultsIn(`${bullmq}/operation-id.ts`, [
    [
      "if (mark !== queueMark(queueKey)) return undefined;",
      "",
      "a command to a job of another queue reaches a job of this one",
    ],
  ]),
  ...faultsIn("packages/redis/src/message-source.ts", [
    [
      "if (this.#waiting.length >= maxWaiting || this.#waitingBytes + size > maxWaitingBytes) {",
      "if (false) {",
      "any number of messages waits",
    ],
    [
      "while (!this.#isClosing && !(await this.#turn.take(commands)))",
      "while (false)",
      "every node publishes each message",
    ],
  ]),
];
