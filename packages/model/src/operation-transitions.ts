import type { OperationEventName } from "./operation-event.ts";
import type { OperationStatus } from "./operation-status.ts";

/**
 * Effect of an event on the status of an operation.
 *
 * A status: the operation enters it. `stay`: the event is applied and the status stays. `ignore`: the event is
 * ignored. `return`: the operation returns to the status before the stall. `begin`: an event with a higher
 * attempt starts the operation again in any status. With any other attempt, waiting work begins, and an
 * operation that has ended ignores the event.
 */
export type Move = OperationStatus | "stay" | "ignore" | "return" | "begin";

const over = {
  created: "ignore",
  waiting: "ignore",
  started: "begin",
  steps: "ignore",
  step: "ignore",
  progress: "ignore",
  agent: "ignore",
  log: "stay",
  text: "ignore",
  count: "stay",
  link: "ignore",
  artefact: "ignore",
  beat: "ignore",
  children: "stay",
  budget: "ignore",
  paused: "ignore",
  resumed: "ignore",
  command: "stay",
  accepts: "ignore",
  input: "ignore",
  question: "ignore",
  done: "ignore",
  failed: "ignore",
  cancelled: "ignore",
  stalled: "ignore",
  revived: "ignore",
  lost: "ignore",
} as const satisfies Record<OperationEventName, Move>;

/**
 * Table of the effect of every event in every status.
 *
 * An operation that reports progress while it waits becomes `running`. If the producer of a stalled operation
 * reports a new status, such as `paused`, before the gateway has published `revived`, the operation enters that
 * status.
 */
export const operationTransitions = {
  waiting: {
    created: "ignore",
    waiting: "stay",
    started: "begin",
    steps: "stay",
    step: "running",
    progress: "running",
    agent: "running",
    log: "stay",
    text: "running",
    count: "stay",
    link: "stay",
    artefact: "stay",
    beat: "stay",
    children: "stay",
    budget: "stay",
    paused: "paused",
    resumed: "ignore",
    command: "stay",
    accepts: "stay",
    input: "stay",
    question: "stay",
    done: "done",
    failed: "failed",
    cancelled: "cancelled",
    stalled: "stalled",
    revived: "ignore",
    lost: "lost",
  },
  running: {
    created: "ignore",
    waiting: "waiting",
    started: "begin",
    steps: "stay",
    step: "stay",
    progress: "stay",
    agent: "stay",
    log: "stay",
    text: "stay",
    count: "stay",
    link: "stay",
    artefact: "stay",
    beat: "stay",
    children: "stay",
    budget: "stay",
    paused: "paused",
    resumed: "ignore",
    command: "stay",
    accepts: "stay",
    input: "stay",
    question: "stay",
    done: "done",
    failed: "failed",
    cancelled: "cancelled",
    stalled: "stalled",
    revived: "ignore",
    lost: "lost",
  },
  paused: {
    created: "ignore",
    waiting: "waiting",
    started: "begin",
    steps: "stay",
    step: "stay",
    progress: "stay",
    agent: "stay",
    log: "stay",
    text: "stay",
    count: "stay",
    link: "stay",
    artefact: "stay",
    beat: "stay",
    children: "stay",
    budget: "stay",
    paused: "stay",
    resumed: "running",
    command: "stay",
    accepts: "stay",
    input: "stay",
    question: "stay",
    done: "done",
    failed: "failed",
    cancelled: "cancelled",
    stalled: "stalled",
    revived: "ignore",
    lost: "lost",
  },
  stalled: {
    created: "ignore",
    waiting: "waiting",
    started: "begin",
    steps: "stay",
    step: "stay",
    progress: "stay",
    agent: "stay",
    log: "stay",
    text: "stay",
    count: "stay",
    link: "stay",
    artefact: "stay",
    beat: "stay",
    children: "stay",
    budget: "stay",
    paused: "paused",
    resumed: "running",
    command: "stay",
    accepts: "stay",
    input: "stay",
    question: "stay",
    done: "done",
    failed: "failed",
    cancelled: "cancelled",
    stalled: "ignore",
    revived: "return",
    lost: "lost",
  },
  done: over,
  failed: over,
  cancelled: over,
  lost: over,
} as const satisfies Record<OperationStatus, Record<OperationEventName, Move>>;

/** True if a status is final. Only a `started` event with a higher attempt leaves a final status. */
export function isFinal(
  status: OperationStatus,
): status is "done" | "failed" | "cancelled" | "lost" {
  return operationTransitions[status] === over;
}
