import { type OperationState, reduceOperation } from "@milepost/model";
import { parsePosition } from "@milepost/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Received, type TestCore, type TestSocket, testCore } from "../testing/index.ts";

type Act =
  | { readonly act: "report"; readonly event: string; readonly data: object }
  | { readonly act: "command"; readonly command: "cancel" | "pause" | "resume" | "retry" }
  | { readonly act: "answer"; readonly phase: "acknowledged" | "done" | "refused" }
  | { readonly act: "pass"; readonly ms: number }
  | { readonly act: "join" };

const percent = fc.double({ min: 0, max: 100, noNaN: true });
const id = fc.constantFrom("a", "b", "c");

const reported = fc.oneof(
  fc.record({
    event: fc.constant("started"),
    data: fc.record({ attempt: fc.integer({ min: 1, max: 4 }) }),
  }),
  fc.record({
    event: fc.constant("step"),
    data: fc.record({ id, percent, status: fc.constantFrom("running", "done", "failed") }),
  }),
  fc.record({ event: fc.constant("progress"), data: fc.record({ percent, reset: fc.boolean() }) }),
  fc.record({
    event: fc.constant("agent"),
    data: fc.record({ id, active: fc.boolean(), tasks: fc.array(fc.string(), { maxLength: 3 }) }),
  }),
  fc.record({
    event: fc.constant("log"),
    data: fc.record({
      message: fc.string({ maxLength: 20 }),
      level: fc.constantFrom("info", "warning", "error"),
    }),
  }),
  fc.record({
    event: fc.constant("text"),
    data: fc.record({ stream: id, append: fc.string({ maxLength: 20 }), reset: fc.boolean() }),
  }),
  fc.record({
    event: fc.constantFrom("paused", "resumed", "done", "cancelled"),
    data: fc.constant({}),
  }),
  fc.record({
    event: fc.constant("failed"),
    data: fc.constant({ error: { code: "x", message: "y", retryable: true } }),
  }),
  fc.record({ event: fc.constant("waiting"), data: fc.constant({ position: 1, total: 2 }) }),
);

const acts: fc.Arbitrary<Act> = fc.oneof(
  { weight: 8, arbitrary: reported.map((event): Act => ({ act: "report", ...event })) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom("cancel", "pause", "resume", "retry")
      .map((command): Act => ({ act: "command", command })),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom("acknowledged", "done", "refused")
      .map((phase): Act => ({ act: "answer", phase })),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 40_000 }).map((ms): Act => ({ act: "pass", ms })),
  },
  { weight: 1, arbitrary: fc.constant<Act>({ act: "join" }) },
);

/** Operation state as one watcher sees it: the snapshot at its start, updated by every later event. */
class Watcher {
  readonly socket: TestSocket;
  #state: OperationState | undefined;

  constructor(t: TestCore, channel: string, dialect: "json" | "plain") {
    this.socket = t.connect({ principal: t.user("ada"), channels: [channel] }, dialect);
  }

  state(): OperationState | undefined {
    for (const message of this.socket.take()) this.#take(message);
    return this.#state;
  }

  #take(message: Received): void {
    const { type, snapshot, data } = message;
    if (type === "subscribed") {
      this.#state = (snapshot as { state: OperationState | null }).state ?? undefined;
    } else if ("data" in message) {
      const isEvent = type === "event";
      const place = isEvent ? message.position : String(message.event_id).split("@")[1];
      const position = parsePosition(place);
      expect(position.ok).toBe(true);
      if (!position.ok) return;
      const ts = isEvent ? (message.ts as number) : Date.parse(message.timestamp as string);
      const event = (isEvent ? message.event : type) as string;
      this.#state = reduceOperation(this.#state, {
        event,
        data,
        ts,
        offset: position.value.offset,
      });
    }
  }
}

test("[P-OP-2] a GET, a late subscriber and a subscriber from the start see the same operation, in both dialects", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(acts, { minLength: 1, maxLength: 40 }), async (sequence) => {
      await using t = testCore({ limits: { idleTimeoutMs: 10_000_000 } });
      const { operation, channel, lease } = await t.core.operations.create(t.service, {
        kind: "index",
        user_id: "ada",
        steps: [{ id: "a" }, { id: "b", weight: 2 }],
        lease_ms: 5_000,
      });
      const watchers = [new Watcher(t, channel, "json"), new Watcher(t, channel, "plain")];
      const report = (event: string, data: object) =>
        t.core.operations.report(t.service, operation.id, {
          lease: lease.token,
          events: [{ event, data }],
        });
      for (const act of sequence) {
        switch (act.act) {
          case "report":
            await report(act.event, act.data);
            break;
          case "command":
            await t.core.operations
              .command(t.user("ada"), operation.id, { command: act.command })
              .catch((error: unknown) => expect(error).toMatchObject({ code: "not_possible_now" }));
            break;
          case "answer": {
            const { commands } = (await t.core.operations.get(t.service, operation.id)).operation;
            const last = commands.at(-1);
            if (last === undefined) break;
            await report("command", {
              command_id: last.id,
              command: last.command,
              phase: act.phase,
            });
            break;
          }
          case "pass":
            await t.clock.advance(act.ms);
            break;
          case "join":
            if (watchers.length < 8) {
              watchers.push(new Watcher(t, channel, watchers.length % 2 === 0 ? "json" : "plain"));
            }
        }
      }
      await t.clock.settle();
      const now = JSON.parse(
        JSON.stringify((await t.core.operations.get(t.service, operation.id)).operation),
      ) as OperationState;
      watchers.push(new Watcher(t, channel, "json"));
      await t.clock.settle();
      for (const watcher of watchers) {
        expect(watcher.socket.closed).toBeUndefined();
        expect(watcher.state()).toEqual(now);
      }
    }),
    { numRuns: 60 },
  );
});
