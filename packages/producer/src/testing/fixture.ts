import type { Problem } from "../problem.ts";
import { createProducer, type Producer, type ProducerOptions } from "../producer.ts";
import { ManualClock } from "./manual-clock.ts";
import { ScriptedGateway } from "./scripted-gateway.ts";
import { seededRandom } from "./seeded-random.ts";

/** Producer that runs on a scripted gateway and a manual clock. */
export interface Fixture {
  readonly clock: ManualClock;
  readonly gateway: ScriptedGateway;
  readonly producer: Producer;
  readonly problems: Problem[];
}

export function fixture(options: Partial<ProducerOptions> = {}, seed = 1): Fixture {
  const clock = new ManualClock();
  const gateway = new ScriptedGateway(clock);
  const problems: Problem[] = [];
  const producer = createProducer({
    gateway,
    clock,
    random: seededRandom(seed),
    onProblem: (problem) => problems.push(problem),
    ...options,
  });
  return { clock, gateway, producer, problems };
}

/** A promise that a test settles by hand. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

export function deferred<T = void>(): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<T>((settle, fail) => {
    resolve = settle;
    reject = fail;
  });
  return { promise, resolve, reject };
}

/** Returns work that runs until its signal aborts, and then rejects with the signal's reason. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () => reject(signal.reason);
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true });
  });
}
