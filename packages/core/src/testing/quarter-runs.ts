import type { OperationState } from "@milepost/model";
import type { TestCore } from "./test-core.ts";

/** Times of the four quarters of a run, in milliseconds. */
export type Quarters = readonly [number, number, number, number];

/** Runs an operation to its end, and returns what it was told at its start and at 25, 50 and 75 %. */
export async function runQuarters(t: TestCore, kind: string, quarters: Quarters, size?: number) {
  const { operations } = t.core;
  const { operation, lease } = await operations.create(t.service, {
    kind,
    ...(size === undefined ? {} : { size }),
    lease_ms: 24 * 3_600_000,
  });
  const report = (event: string, data: object) =>
    operations.report(t.service, operation.id, { lease: lease.token, events: [{ event, data }] });
  const look = async () => (await operations.get(t.service, operation.id)).operation;
  await report("started", {});
  const asked: OperationState[] = [await look()];
  for (const [i, ms] of quarters.entries()) {
    await t.clock.advance(ms);
    if (i === 3) await report("done", {});
    else {
      await report("progress", { percent: 25 * (i + 1) });
      asked.push(await look());
    }
  }
  return { id: operation.id, asked, after: await look() };
}

/** Random numbers from a seed, of which each use has its own sequence. */
export function randomOf(seed: number) {
  let state = seed >>> 0;
  const fraction = () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296;
  };
  const normal = () =>
    Math.sqrt(-2 * Math.log(1 - fraction())) * Math.cos(2 * Math.PI * fraction());
  const quarters = (totalMs: number, spread: number): Quarters => {
    const parts = [0, 0, 0, 0].map(() => Math.exp(spread * normal()));
    const all = parts.reduce((a, b) => a + b, 0);
    const [a = 1, b = 1, c = 1, d = 1] = parts.map((part) =>
      Math.max(1, Math.round((part / all) * totalMs)),
    );
    return [a, b, c, d];
  };
  return { fraction, normal, quarters };
}
