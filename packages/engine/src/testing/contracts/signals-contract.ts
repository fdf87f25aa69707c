import { describe, expect, test, vi } from "vitest";
import type { MakeEngine } from "./engine-harness.ts";

/** Contract tests for the signals between nodes; every engine runs them. */
export function signalsContract(name: string, make: MakeEngine): void {
  describe(`${name} signals`, () => {
    test("[C8] signals arrive in order at all nodes, or at the named node only", async () => {
      await using harness = await make();
      const { signals } = harness.engine;
      const heard: unknown[] = [];
      await signals.listen("here", (signal) => heard.push(signal));
      await signals.send({ n: 1 });
      await signals.send({ n: 2 }, "elsewhere");
      await signals.send({ n: 3, text: "ä\n{}" }, "here");
      await signals.send({ n: 4 });
      await vi.waitFor(() => expect(heard).toHaveLength(3));
      expect(heard).toEqual([{ n: 1 }, { n: 3, text: "ä\n{}" }, { n: 4 }]);
    });

    test("a node's name may contain any characters", async () => {
      await using harness = await make();
      const { signals } = harness.engine;
      const heard: unknown[] = [];
      await signals.listen("a}:b {c} ü", (signal) => heard.push(signal));
      await signals.send("yes", "a}:b {c} ü");
      await vi.waitFor(() => expect(heard).toEqual(["yes"]));
    });
  });
}
