import { MilepostError } from "@milepost/protocol";
import { expect, it } from "vitest";
import { lazyCode } from "../runtime/lazy-code.ts";
import { Reporter } from "../runtime/reporter.ts";
import { Schedule } from "../runtime/schedule.ts";
import { connectedClient, ManualClock, settle } from "../testing/index.ts";
import { LazyHandle } from "./lazy-handle.ts";
import { LazyOperation } from "./lazy-operation.ts";
import * as operationCode from "./operation-code.ts";

/** A load that a test ends. */
interface Load {
  succeed(): void;
  fail(error: Error): void;
}

/** Returns code that the test loads by hand, and the parts of a handle that waits for it. */
function codeByHand<Code>(code: Code) {
  const loads: Load[] = [];
  const errors: unknown[] = [];
  const clock = new ManualClock();
  const lazy = lazyCode(
    () => new Promise<Code>((resolve, fail) => loads.push({ succeed: () => resolve(code), fail })),
  );
  const reporter = new Reporter((error) => errors.push(error));
  return { loads, errors, clock, parts: { code: lazy, schedule: new Schedule(clock), reporter } };
}

/** Returns a handle of a counter that is watched, and what the counter's code did. */
function setUp() {
  const did: string[] = [];
  const create = () => {
    did.push("create");
    return {
      view: { kind: "ready" },
      subscribe: (listener: () => void) => {
        did.push("subscribe");
        listener();
        return () => did.push("unsubscribe");
      },
    };
  };
  const byHand = codeByHand({ create });
  return { ...byHand, did, handle: new LazyHandle(byHand.parts, (code) => code.create()) };
}

it("a handle is loading until its code is loaded, and subscribes its listeners then", async () => {
  const { handle, loads, did } = setUp();
  let told = 0;
  const stops = [1, 2].map(() => handle.subscribe(() => told++));
  expect(handle.view).toEqual({ kind: "loading" });
  expect(handle.getSnapshot()).toBe(handle.view);
  await settle();
  expect([did, loads.length, told]).toEqual([[], 1, 0]);
  loads[0]?.succeed();
  await settle();
  expect(did).toEqual(["create", "subscribe", "subscribe"]);
  expect([handle.getSnapshot().kind, told]).toEqual(["ready", 2]);
  for (const stop of stops) stop();
  expect(did.slice(3)).toEqual(["unsubscribe", "unsubscribe"]);
});

it("a handle whose code is loaded subscribes inside the call", async () => {
  const { handle, parts, loads, did } = setUp();
  void parts.code.load();
  loads[0]?.succeed();
  await settle();
  handle.subscribe(() => {});
  expect(did).toEqual(["create", "subscribe"]);
});

it("a listener that is removed before the code is loaded is never subscribed", async () => {
  const { handle, loads, did } = setUp();
  handle.subscribe(() => {})();
  loads[0]?.succeed();
  await settle();
  expect(did).toEqual([]);
});

it("a failed load is reported and repeated after five seconds while there is a listener", async () => {
  const { handle, loads, clock, errors, did } = setUp();
  handle.subscribe(() => {});
  const cause = new TypeError("Failed to fetch dynamically imported module");
  loads[0]?.fail(cause);
  await clock.advance(4_999);
  expect([loads.length, handle.view.kind]).toEqual([1, "loading"]);
  expect(errors).toEqual([expect.objectContaining({ code: "unavailable", cause })]);
  await clock.advance(1);
  expect(loads.length).toBe(2);
  loads[1]?.succeed();
  await settle();
  expect([did, handle.view.kind, clock.timers]).toEqual([["create", "subscribe"], "ready", 0]);
});

it("a failed load is not repeated, and no timer is left, once the last listener is removed", async () => {
  const { handle, loads, clock, errors } = setUp();
  const stop = handle.subscribe(() => {});
  loads[0]?.fail(new Error("offline"));
  await settle();
  stop();
  const other = handle.subscribe(() => {});
  other();
  loads[1]?.fail(new Error("offline"));
  await clock.advance(60_000);
  expect([loads.length, clock.timers, errors.length]).toEqual([2, 0, 1]);
});

it("a call of an operation waits for the code, and fails with `unavailable` if it cannot be loaded", async () => {
  const { parts, loads } = codeByHand(operationCode);
  const sent: unknown[] = [];
  const operation = new LazyOperation("9", parts, {
    reporter: parts.reporter,
    identity: { state: { state: "idle" }, onState: () => () => {}, connect() {} },
    subscribe: () => expect.fail("nothing was watched"),
    request: async (method, params) => {
      sent.push([method, params]);
      return { input_id: "i1" };
    },
  });
  const failing = operation.input("hello");
  const outcome = expect(failing).rejects.toMatchObject({ code: "unavailable", retryable: true });
  loads[0]?.fail(new Error("offline"));
  await outcome;
  await expect(failing).rejects.toBeInstanceOf(MilepostError);
  expect([operation.id, operation.state]).toEqual(["9", undefined]);
  const input = operation.input("hello");
  await settle();
  expect(sent).toEqual([]);
  loads[1]?.succeed();
  expect(await input).toEqual({ input_id: "i1" });
  expect(sent).toEqual([["operations.input", { operation_id: "9", data: "hello" }]]);
});

it("a client hands out one handle of an operation, before its code is loaded and after", async () => {
  const { client, gateway } = await connectedClient();
  const operation = client.operation("9");
  operation.subscribe(() => {});
  await settle();
  expect(client.operation("operation:9")).toBe(operation);
  expect(gateway.last.count("subscribe")).toBe(1);
});
