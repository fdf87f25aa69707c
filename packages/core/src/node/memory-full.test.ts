import { type EngineContext, memoryEngine } from "@milepost/engine";
import { expect, test } from "vitest";
import { RecordingMeter, testCore } from "../testing/index.ts";

test("[P-STORE-3] a node whose memory for channels is full says so at once in its state, metrics and log, and when it has room again", async () => {
  const meter = new RecordingMeter();
  await using t = testCore({ meter, limits: { maxMemoryBytes: 200_000 } });
  const full = () => meter.read("milepost_store_full");
  const publish = (n: number) =>
    t.core.channels.publish(t.service, "chat:a", "said", "x", { key: `key-${n}` });
  expect(t.core.stats()).toMatchObject({ status: "healthy", isFull: false });
  let stored = 0;
  // Remembered keys are never dropped, so they fill the memory.
  for (; stored < 2_000; stored++) {
    const refused = await publish(stored).then(
      () => undefined,
      (error: { code: string }) => error.code,
    );
    if (refused === undefined) continue;
    expect(refused).toBe("store_full");
    break;
  }
  expect(stored).toBeLessThan(2_000);
  expect(t.core.stats()).toMatchObject({ status: "degraded", isFull: true });
  expect(full()).toBe(1);
  await expect(publish(stored)).rejects.toMatchObject({ code: "store_full" });
  expect(t.faults.filter(({ message }) => message.includes("is full"))).toHaveLength(1);
  await t.core.channels.purge(t.service, "chat:a");
  expect(t.core.stats()).toMatchObject({ status: "healthy", isFull: false });
  expect(full()).toBe(0);
  await publish(stored);
});

test("[P-STORE-3] an entry that is larger than all the memory does not make the node full", async () => {
  await using t = testCore({ limits: { maxMemoryBytes: 20_000 } });
  const large = t.core.channels.publish(t.service, "chat:a", "said", "x".repeat(50_000));
  await expect(large).rejects.toMatchObject({ code: "store_full" });
  expect(t.core.stats()).toMatchObject({ status: "healthy", isFull: false });
  expect(t.faults).toEqual([]);
});

test("[P-DATA-7] a node whose data have no room names the setting of the data in its log", async () => {
  let context: EngineContext | undefined;
  await using t = testCore({
    engine: (given) => {
      context = given;
      return { ...memoryEngine()(given), isDurable: true };
    },
  });
  context?.onFull?.(true);
  expect(t.faults).toMatchObject([{ message: expect.stringContaining("raise dataMaxBytes") }]);
});
