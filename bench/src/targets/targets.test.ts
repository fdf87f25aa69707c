import { afterEach, expect, test } from "vitest";
import type { DeliverySink } from "../generator/delivery-sink.ts";
import { openReader, type Reader } from "../generator/reader.ts";
import { makePayload } from "../payload.ts";
import { catalog, pacedTargets } from "./catalog.ts";
import type { Target } from "./target.ts";

/** Sink that keeps every delivery; `complete` resolves once the expected number has arrived. */
class Deliveries implements DeliverySink {
  readonly byConnection = new Map<number, number[]>();
  readonly complete: Promise<void>;
  #missing: number;
  #resolve = () => {};
  #reject = (_: Error) => {};

  constructor(expected: number) {
    this.#missing = expected;
    this.complete = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  startRead(): void {}

  deliver(index: number, seq: number): void {
    const seqs = this.byConnection.get(index) ?? [];
    seqs.push(seq);
    this.byConnection.set(index, seqs);
    this.#missing -= 1;
    if (this.#missing === 0) this.#resolve();
  }

  connectionClosed(reason: string): void {
    this.#reject(new Error(reason));
  }
}

const readers: Reader[] = [];
let target: Target | undefined;

afterEach(async () => {
  for (const reader of readers.splice(0)) reader.destroy();
  await target?.close();
  target = undefined;
});

test.each(pacedTargets)(
  "%s delivers every publication to every reader, once and in order",
  async (name) => {
    target = await catalog[name].start();
    const { plan } = target;
    const deliveries = new Deliveries(3 * 61);
    deliveries.complete.catch(() => {});
    for (const index of [0, 1, 2]) readers.push(await openReader(plan, index, deliveries));
    const payloads = Array.from({ length: 61 }, (_, seq) => makePayload(seq, seq));
    for (const tick of [payloads.slice(0, 1), payloads.slice(1, 51), payloads.slice(51)]) {
      target.publish(tick);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await deliveries.complete;
    const inOrder = payloads.map((_, seq) => seq);
    expect([...deliveries.byConnection.values()]).toEqual([inOrder, inOrder, inOrder]);
  },
);
