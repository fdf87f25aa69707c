import { expect, test } from "vitest";
import { SharedCall } from "./shared-call.ts";

/** Shared call whose answers the test gives, with the number of askings that are under way. */
function shared() {
  const asking: { resolve(answer: string): void; reject(error: Error): void }[] = [];
  const idle: number[] = [];
  const call = new SharedCall(
    () =>
      new Promise<string>((resolve, reject) => {
        asking.push({ resolve, reject });
      }),
    () => idle.push(asking.length),
  );
  const settle = async () => {
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  };
  return { asking, call, idle, settle };
}

test("[G5] callers that come while the call is under way share the next one, which begins when the first has ended", async () => {
  const { asking, call, idle, settle } = shared();
  const first = call.run();
  await settle();
  const late = [call.run(), call.run()];
  await settle();
  expect(asking).toHaveLength(1);
  asking[0]?.resolve("first");
  expect(await first).toBe("first");
  await settle();
  expect(asking).toHaveLength(2);
  asking[1]?.resolve("second");
  expect(await Promise.all(late)).toEqual(["second", "second"]);
  // It is idle once, after both calls: between them, the others wait.
  expect(idle).toEqual([2]);
});

test("a call that fails fails for those that share it, and the next one is made all the same", async () => {
  const { asking, call, settle } = shared();
  const first = call.run().catch((error: Error) => error.message);
  await settle();
  const next = call.run();
  asking[0]?.reject(new Error("lost"));
  expect(await first).toBe("lost");
  await settle();
  asking[1]?.resolve("found");
  expect(await next).toBe("found");
});
