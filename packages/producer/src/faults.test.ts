import fc from "fast-check";
import { expect, test } from "vitest";
import { fixture } from "./testing/fixture.ts";
import type { Fault } from "./testing/scripted-gateway.ts";

const faults: Fault[] = [
  "none",
  "none",
  "lost_request",
  "lost_reply",
  "unavailable",
  "hang",
  "late",
  "throw",
];

test("each lifecycle event and log line is stored once and in order, whatever faults the gateway has before it recovers", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...faults), { maxLength: 25 }),
      fc.array(fc.constantFrom("line", "step", "pause", "wait"), { minLength: 1, maxLength: 30 }),
      fc.integer(),
      async (script, actions, seed) => {
        const { producer, gateway, clock } = fixture({ closingFlushMs: 600_000 }, seed);
        gateway.ttlMs = 1_000_000;
        const left = [...script];
        gateway.fault = (name) => (name === "pendingCommands" ? "none" : (left.shift() ?? "none"));
        const expected: string[] = [];
        const run = producer.start({ kind: "k", operationId: "op" }, async (op) => {
          let lines = 0;
          for (const action of actions) {
            if (action === "line") {
              op.warn(`line ${lines}`);
              expected.push(`line ${lines++}`);
            } else if (action === "step") op.step("s", { done: lines });
            else if (action === "pause") op.steps([{ id: "s" }, { id: `plan-${lines}` }]);
            else await new Promise<void>((resolve) => clock.after(70, resolve));
          }
        });
        await clock.advance(1_000_000);
        expect(await run.delivered).toBe(true);
        const names = gateway.names("op");
        expect(names.slice(0, 2)).toEqual(["created", "started"]);
        expect(names.at(-1)).toBe("done");
        for (const once of ["created", "started", "done"]) {
          expect(names.filter((name) => name === once)).toHaveLength(1);
        }
        expect(names.filter((name) => name === "steps")).toHaveLength(
          actions.filter((action) => action === "pause").length,
        );
        const lines = gateway.data<{ message: string }>("op", "log").map(({ message }) => message);
        expect(lines).toEqual(expected);
        const keys = gateway.log("op").flatMap(({ key }) => (key === undefined ? [] : [key]));
        expect(new Set(keys).size).toBe(keys.length);
        await producer.close();
        await clock.advance(1_000_000);
        expect(clock.pending).toBe(0);
      },
    ),
    { numRuns: 60 },
  );
});
