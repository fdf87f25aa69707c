import { type OperationState, reduceOperation } from "@milepost/model";
import { type Position, parsePosition } from "@milepost/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { highWaterBytes } from "../send-queue/send-queue.ts";
import { type Received, type TestCore, type TestSocket, testCore } from "../testing/index.ts";

type Act =
  | { readonly act: "report"; readonly events: readonly { event: string; data: object }[] }
  | { readonly act: "stall" | "drain" | "settle" | "reconnect" };

const percent = fc.integer({ min: 0, max: 100 });
const id = fc.constantFrom("a", "b");
const message = fc.constantFrom("m", "n");

/** Sequences of events that producers report often: runs of one kind, with events of other kinds in between. */
const events = fc.oneof(
  fc.array(
    fc.record({
      event: fc.constant("text"),
      data: fc.record({
        stream: fc.constantFrom("a", "a", "a", "b"),
        append: fc.string({ maxLength: 5 }),
      }),
    }),
    { minLength: 2, maxLength: 10 },
  ),
  id.chain((id) =>
    fc.array(
      fc.record({
        event: fc.constant("step"),
        data: fc.record(
          {
            id: fc.constant(id),
            percent,
            message,
            status: fc.constantFrom("running", "running", "done"),
          },
          { requiredKeys: ["id"] },
        ),
      }),
      { minLength: 2, maxLength: 10 },
    ),
  ),
  fc.array(
    fc.record({
      event: fc.constant("progress"),
      data: fc.record(
        {
          done: percent,
          total: fc.constant(100),
          message,
          reset: fc.constantFrom(true, false, false, false),
        },
        { requiredKeys: ["done"] },
      ),
    }),
    { minLength: 2, maxLength: 10 },
  ),
  fc.array(
    fc.record({
      event: fc.constant("agent"),
      data: fc.record(
        { id, active: fc.boolean(), progress: percent, tasks: fc.array(message, { maxLength: 2 }) },
        { requiredKeys: ["id"] },
      ),
    }),
    { minLength: 2, maxLength: 10 },
  ),
  fc.record({ event: fc.constant("log"), data: fc.record({ message }) }).map((event) => [event]),
  fc
    .record({
      event: fc.constant("started"),
      data: fc.record({ attempt: fc.integer({ min: 1, max: 3 }) }),
    })
    .map((event) => [event]),
);

const acts: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: events.map((list): Act => ({ act: "report", events: list })) },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom("stall", "stall", "stall", "drain", "settle", "reconnect" as const)
      .map((act): Act => ({ act })),
  },
);

/** Watcher that reads irregularly, and checks that each message follows the last one. */
class SlowWatcher {
  readonly #t: TestCore;
  readonly #channel: string;
  readonly #dialect: "json" | "plain";
  #socket: TestSocket;
  #position: Position | undefined;
  state: OperationState | undefined;
  /** State after each position that the watcher received. */
  readonly seen = new Map<number, OperationState | undefined>();
  merged = 0;

  constructor(t: TestCore, channel: string, dialect: "json" | "plain") {
    this.#t = t;
    this.#channel = channel;
    this.#dialect = dialect;
    this.#socket = this.#connect();
  }

  stall(): void {
    this.#socket.stall();
    this.#socket.bufferedBytes = highWaterBytes + 1;
  }

  drain(): void {
    this.#socket.resume();
    // A transport that has nothing to write never reports that it has drained, so the watcher sends a ping.
    this.#socket.send({ type: "ping" });
  }

  reconnect(): void {
    this.read();
    this.#socket.drop();
    this.#socket = this.#connect();
  }

  read(): void {
    for (const message of this.#socket.take()) this.#take(message);
  }

  #connect(): TestSocket {
    const socket = this.#t.connect({ principal: this.#t.user("ada") }, this.#dialect);
    const since = this.#position;
    const at = since && { since: `${since.epoch}.${since.offset}.${since.tag}` };
    socket.send({ type: "subscribe", id: 1, channel: this.#channel, ...at });
    return socket;
  }

  #take(message: Received): void {
    const { type, data } = message;
    if (type === "reply") {
      const { position, snapshot, recovered } = message.result as Record<string, unknown>;
      if (this.#position !== undefined) expect(recovered).toBe(true);
      else {
        this.#position = place(position);
        this.state = (snapshot as { state: OperationState | null }).state ?? undefined;
      }
      return;
    }
    if (!("data" in message)) return;
    const isEvent = type === "event";
    const position = place(isEvent ? message.position : String(message.event_id).split("@")[1]);
    const from = message.since === undefined ? position.offset - 1 : place(message.since).offset;
    if (message.since !== undefined) this.merged++;
    if (isEvent) expect(from).toBe(this.#position?.offset);
    else expect(position.offset).toBeGreaterThan(this.#position?.offset ?? 0);
    this.#position = position;
    const ts = isEvent ? (message.ts as number) : Date.parse(message.timestamp as string);
    const event = (isEvent ? message.event : type) as string;
    this.state = reduceOperation(this.state, { event, data, ts, offset: position.offset });
    this.seen.set(position.offset, this.state);
  }
}

function place(text: unknown): Position {
  const position = parsePosition(text);
  if (!position.ok) throw new Error(`${String(text)} is no position`);
  return position.value;
}

test("[P-OUT-3] [G7] a watcher that stalls, drains and reconnects sees the log's state at every position that it receives", async () => {
  let merged = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(acts, { minLength: 5, maxLength: 40 }), async (sequence) => {
      await using t = testCore({
        limits: { idleTimeoutMs: 10_000_000, maxConnectionsPerUser: 1_000 },
      });
      const { operation, channel, lease } = await t.core.operations.create(t.service, {
        kind: "index",
        user_id: "ada",
        steps: [{ id: "a" }, { id: "b", weight: 2 }],
        lease_ms: 3_600_000,
      });
      const watchers = [new SlowWatcher(t, channel, "json"), new SlowWatcher(t, channel, "plain")];
      await t.clock.settle();
      // This watcher always reads, so it sees the state after every entry.
      const attentive = new SlowWatcher(t, channel, "json");
      await t.clock.settle();
      const remember = async () => {
        await t.clock.settle();
        attentive.read();
        const { operation: now } = await t.core.operations.get(t.service, operation.id);
        expect(attentive.state).toEqual(JSON.parse(JSON.stringify(now)));
      };
      for (const { act, ...rest } of sequence) {
        if ("events" in rest) {
          for (const event of rest.events) {
            await t.clock.advance(7);
            await t.core.operations.report(t.service, operation.id, {
              lease: lease.token,
              events: [event],
            });
            await remember();
          }
        } else if (act === "settle") await t.clock.settle();
        else if (act !== "report") for (const watcher of watchers) watcher[act]();
      }
      await t.clock.settle();
      for (const watcher of watchers) watcher.drain();
      await t.clock.settle();
      for (const watcher of watchers) watcher.reconnect();
      await t.clock.settle();
      const { operation: now } = await t.core.operations.get(t.service, operation.id);
      for (const watcher of watchers) {
        watcher.read();
        expect(watcher.state).toEqual(JSON.parse(JSON.stringify(now)));
        for (const [offset, state] of watcher.seen)
          expect(state).toEqual(attentive.seen.get(offset));
        merged += watcher.merged;
      }
    }),
    { numRuns: 150 },
  );
  // Usually about a hundred entries are merged. Without merged entries this test would prove nothing.
  expect(merged).toBeGreaterThan(20);
});
