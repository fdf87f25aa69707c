import type { Clock, Random } from "@milepost/engine";
import {
  activeMs,
  type EstimateMark,
  isFinal,
  type OperationEstimate,
  type OperationState,
} from "@milepost/model";
import { definedFields } from "@milepost/protocol";
import { nothingTold, type Tally, tallied } from "../estimates/calibration.ts";
import type { DurationRange } from "../estimates/estimate-range.ts";
import {
  isNewKind,
  type LearnedKind,
  remainingAt,
  remainingBeyond,
  stepTimesOf,
  tookFrom,
} from "../estimates/learned-kind.ts";
import type { LearnedKinds } from "../estimates/learned-kinds.ts";
import type { LearnedRun } from "../estimates/learned-run.ts";
import type { StepsSoFar } from "../estimates/learned-step.ts";
import { type Mark, markAt, markOfCreation, markOfStart, marks } from "../estimates/marks.ts";
import type { CoreInstruments } from "../runtime/instruments.ts";
import { isWaitNews, withWait } from "./estimated-wait.ts";
import type { OperationAt, OperationLog } from "./operation-log.ts";
import type { OperationNotifier } from "./operation-notifier.ts";
import { learnedStepsOf, stepsSoFarOf } from "./operation-steps.ts";

const publisher = "gateway:operations";
/** Shortest time between two estimates of a run that takes longer than was told, as a share of its time and at least. */
const [slowerShare, slowerMs] = [0.1, 1_000];

/** Parts of the node that {@link OperationEstimates} uses. */
export interface OperationEstimatesContext {
  readonly log: Pick<OperationLog, "append">;
  readonly notifier: Pick<OperationNotifier, "changed">;
  readonly kinds: LearnedKinds;
  readonly clock: Pick<Clock, "now">;
  readonly random: Pick<Random, "fraction">;
  readonly onError: (error: unknown) => void;
  readonly instruments: Pick<CoreInstruments, "estimatesTold" | "estimateOutcomes" | "calibration">;
}

/**
 * Publishes estimates of the time left in the logs of operations, and learns from the runs that are done.
 *
 * An estimate is told at the creation, at the start and when the percentage passes a mark, so at most a few times per run
 * however often the run reports. All that the gateway needs to learn from a run is in its estimates, which are part of
 * the operation's state: any node can go on. A failure here never fails a report: the run then has no new estimate.
 */
export class OperationEstimates {
  readonly #context: OperationEstimatesContext;

  constructor(context: OperationEstimatesContext) {
    this.#context = context;
  }

  /** Publishes what is due after reports have led from a state to an operation; returns the operation after it. */
  async follow(before: OperationState | undefined, now: OperationAt): Promise<OperationAt> {
    const reason = reasonFor(before, now.state);
    if (reason === undefined) return now;
    try {
      const kind = await this.#context.kinds.get(now.state.kind);
      const estimate = this.#estimate(reason, kind, now.state);
      return estimate === undefined ? now : await this.#publish(now, estimate);
    } catch (error) {
      this.#context.onError(error);
      return now;
    }
  }

  /** Publishes that an operation takes longer than was told, with the time left of the runs that took even longer. */
  async slower(now: OperationAt): Promise<OperationAt> {
    const { state } = now;
    const { kinds, clock, random } = this.#context;
    const at = Math.max(clock.now(), state.updated_at);
    const kind = await kinds.get(state.kind);
    const elapsedMs = activeMs(state, at);
    const found = remainingBeyond(kind, elapsedMs, random.fraction());
    return this.#publish(now, {
      at,
      ...(found === undefined ? {} : { remaining: atLeast(found, elapsedMs) }),
      basis: kind.runs.length,
      slower_than_usual: true,
      ...usualStepsOf(kind, state),
      ...marksOf(state),
    });
  }

  /** Learns from a run that is done. `before` is its state just before that. Never rejects. */
  async learn(before: OperationState, after: OperationState): Promise<void> {
    if (after.status !== "done" || isFinal(before.status)) return;
    const { kinds, onError, instruments } = this.#context;
    const { run, outcomes } = lessonOf(before, after);
    for (const { told, below50, below90 } of outcomes.values()) {
      instruments.estimatesTold.add(told);
      const ofKind = instruments.calibration.of(after.kind);
      const outcome = below50 > 0 ? "below_p50" : below90 > 0 ? "inside" : "above_p90";
      const count = below50 > 0 ? below50 : below90 > 0 ? below90 : 1;
      instruments.estimateOutcomes[outcome].add(count);
      ofKind[outcome].add(count);
    }
    await kinds.add(after.kind, run, outcomes).catch(onError);
  }

  #estimate(
    reason: Reason,
    kind: LearnedKind,
    state: OperationState,
  ): OperationEstimate | undefined {
    const at = state.updated_at;
    const basis = kind.runs.length;
    if (reason.why === "moved") return movedOn(state, at);
    if (isNewKind(kind)) {
      if (reason.why === "waits" || reason.mark === markOfCreation) return undefined;
      const marks = [
        ...(state.estimate?.marks ?? []),
        [reason.mark, elapsedAt(state, at)] as const,
      ];
      return { at, basis, none: "new_kind", marks };
    }
    const mark = reason.why === "waits" ? markOfStart : reason.mark;
    const elapsedMs = elapsedAt(state, at);
    const chance = this.#context.random.fraction();
    const size = sizeOf(state);
    const steps = plannedSteps(kind, state, at);
    const asked = { mark, elapsedMs, ...definedFields({ size, steps }) };
    const found = remainingAt(kind, asked, chance);
    if (reason.why === "waits") {
      if (found === undefined) return undefined;
      const remaining = withWait(state, found);
      return isWaitNews(state, remaining, at)
        ? { at, remaining, basis, ...usualStepsOf(kind, state), ...marksOf(state) }
        : undefined;
    }
    const told: EstimateMark =
      found === undefined ? [mark, elapsedMs] : [mark, elapsedMs, found.p50_ms, found.p90_ms];
    const remaining = found ?? movedOn(state, at)?.remaining;
    return {
      at,
      ...(remaining === undefined ? {} : { remaining }),
      basis,
      ...usualStepsOf(kind, state),
      marks: [...(state.estimate?.marks ?? []), told],
    };
  }

  async #publish(now: OperationAt, data: OperationEstimate): Promise<OperationAt> {
    const { state } = now;
    // With this key, two nodes that decide from the same state append one entry.
    const author = { publisher, key: `estimate@${state.offset}` };
    const { log, notifier } = this.#context;
    const after = await log.append(state.id, now, { event: "estimate", data }, author);
    if (!after.duplicate) await notifier.changed(now, after);
    return after;
  }
}

/** Why an estimate is due. */
type Reason =
  | { readonly why: "mark"; readonly mark: Mark }
  /** The operation goes on after a break, so the latest estimate counts from now on. */
  | { readonly why: "moved" }
  /** The operation waits in a queue. */
  | { readonly why: "waits" };

function reasonFor(before: OperationState | undefined, now: OperationState): Reason | undefined {
  const { status, estimate } = now;
  if (before === undefined) {
    return status === "waiting" ? { why: "mark", mark: markOfCreation } : undefined;
  }
  if (status === "waiting") {
    return now.waiting?.estimated_wait_ms === undefined ||
      now.waiting === before.waiting ||
      now.started_at !== undefined
      ? undefined
      : { why: "waits" };
  }
  if (status !== "running") return undefined;
  const mark = markAt(now.percent);
  if (mark > (estimate?.marks?.at(-1)?.[0] ?? -1)) return { why: "mark", mark };
  return before.status !== "running" && estimate?.remaining !== undefined
    ? { why: "moved" }
    : undefined;
}

/** Returns the latest estimate, reduced by the work that has been done since then. */
function movedOn(state: OperationState, at: number): OperationEstimate | undefined {
  const { estimate } = state;
  if (estimate?.remaining === undefined) return undefined;
  const told = estimate.marks?.findLast(([, , p50Ms]) => p50Ms !== undefined);
  const [, elapsedMs = 0, p50, p90] = told ?? [];
  if (p50 === undefined || p90 === undefined) return undefined;
  const spent = Math.max(0, elapsedAt(state, at) - elapsedMs);
  const remaining = { p50_ms: Math.max(0, p50 - spent), p90_ms: Math.max(0, p90 - spent) };
  return { ...estimate, at, remaining };
}

function sizeOf({ size, counter }: OperationState): number | undefined {
  return size ?? counter?.total;
}

/** Returns the steps of an operation, if they show what is to come. */
function plannedSteps(
  kind: LearnedKind,
  state: OperationState,
  at: number,
): StepsSoFar | undefined {
  if (state.steps.length === 0) return undefined;
  const steps = stepsSoFarOf(state, at);
  const listed = new Set(state.steps.map(({ id }) => id));
  return stepTimesOf(kind).isPlan(listed, steps.pending) ? steps : undefined;
}

/** Returns the usual times of the steps that the operation may still have. They stay as they were at its first estimate. */
function usualStepsOf(
  kind: LearnedKind,
  state: OperationState,
): Pick<OperationEstimate, "usual_steps"> {
  const over = state.steps.filter(({ status }) => status !== "pending" && status !== "running");
  const ids = new Set(over.map(({ id }) => id));
  const told = state.estimate?.usual_steps ?? stepTimesOf(kind).usualSteps(sizeOf(state));
  const usual_steps = told.filter(({ id }) => !ids.has(id));
  return usual_steps.length === 0 ? {} : { usual_steps };
}

function elapsedAt(state: OperationState, at: number): number {
  return Math.round(activeMs(state, at));
}

function marksOf({ estimate }: OperationState): Pick<OperationEstimate, "marks"> {
  return estimate?.marks === undefined ? {} : { marks: estimate.marks };
}

function atLeast({ p50_ms, p90_ms }: DurationRange, elapsedMs: number): DurationRange {
  const least = Math.round(Math.max(slowerMs, elapsedMs * slowerShare));
  return { p50_ms, p90_ms: Math.max(p90_ms, least) };
}

/** Returns what the gateway learns from a run: its times, and how the estimates at its marks came out. */
function lessonOf(
  before: OperationState,
  after: OperationState,
): { readonly run: LearnedRun; readonly outcomes: ReadonlyMap<Mark, Tally> } {
  const { created_at, updated_at, attempt } = after;
  const size = after.size ?? before.counter?.total;
  const elapsedMs: (number | undefined)[] = marks.map(() => undefined);
  // Only the first attempt began at the creation.
  const waitedMs = Math.max(0, (after.started_at ?? updated_at) - created_at);
  if (attempt === 1) elapsedMs[markOfCreation] = Math.round(waitedMs);
  for (const [mark, elapsed] of before.estimate?.marks ?? []) {
    if (mark !== markOfCreation) elapsedMs[mark] = elapsed;
  }
  const totalMs = elapsedAt(after, updated_at);
  const steps = learnedStepsOf(after);
  const run: LearnedRun = { totalMs, ...definedFields({ size }), elapsedMs, steps };
  const outcomes = new Map<Mark, Tally>();
  for (const [mark, , p50_ms, p90_ms] of before.estimate?.marks ?? []) {
    const elapsed = elapsedMs[mark];
    if (p50_ms === undefined || p90_ms === undefined || elapsed === undefined) continue;
    const took = tookFrom(run, mark, elapsed);
    outcomes.set(mark, tallied(nothingTold, { p50_ms, p90_ms }, took));
  }
  return { run, outcomes };
}
