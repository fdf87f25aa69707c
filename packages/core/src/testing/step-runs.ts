import type { OperationState } from "@milepost/model";
import type { TestCore } from "./test-core.ts";

/** A step of a run: when it begins, counted from the start of the work, and how long it takes, in milliseconds. */
export interface TimedStep {
  readonly id: string;
  readonly fromMs: number;
  readonly tookMs: number;
}

/** Returns steps of these times that run one after the other. */
export function inSequence(times: Readonly<Record<string, number>>, fromMs = 0): TimedStep[] {
  let at = fromMs;
  return Object.entries(times).map(([id, tookMs]) => {
    const step = { id, fromMs: at, tookMs };
    at += tookMs;
    return step;
  });
}

/**
 * Runs an operation of planned steps to its end. Returns its states after the start and after each step, each with the time
 * that the run had taken then.
 */
export async function runSteps(t: TestCore, kind: string, steps: readonly TimedStep[]) {
  const { operations } = t.core;
  const { operation, lease } = await operations.create(t.service, {
    kind,
    steps: steps.map(({ id }) => ({ id })),
    lease_ms: 24 * 3_600_000,
  });
  const report = (event: string, data: object) =>
    operations.report(t.service, operation.id, { lease: lease.token, events: [{ event, data }] });
  const look = async () => (await operations.get(t.service, operation.id)).operation;
  await report("started", {});
  const asked: { readonly atMs: number; readonly state: OperationState }[] = [];
  // Of changes at the same time, the ends come first: a step may wait for another one.
  const changes = steps
    .flatMap(({ id, fromMs, tookMs }) => [
      { at: fromMs, isEnd: false, id, status: "running" },
      { at: fromMs + tookMs, isEnd: true, id, status: "done" },
    ])
    .toSorted((a, b) => a.at - b.at || Number(b.isEnd) - Number(a.isEnd));
  asked.push({ atMs: 0, state: await look() });
  let atMs = 0;
  for (const { at, isEnd, id, status } of changes) {
    if (at > atMs) await t.clock.advance(at - atMs);
    atMs = at;
    await report("step", { id, status });
    if (isEnd) asked.push({ atMs, state: await look() });
  }
  await report("done", {});
  return { id: operation.id, asked, totalMs: atMs };
}
