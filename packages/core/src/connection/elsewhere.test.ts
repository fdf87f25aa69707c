import {
  type BusListener,
  type EngineFactory,
  type LogPolicy,
  memoryEngine,
} from "@milepost/engine";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { type Cursor, parseCursor } from "@milepost/protocol";
import { expect, test } from "vitest";
import { type TestCore, testCore } from "../testing/index.ts";

const channel = "log:a";
const retention = { maxEntries: 100, maxAgeMs: 3_600_000 };
const rules = [
  { pattern: "log:*", subscribe: "authenticated", publish: "granted", retention },
] as const;

/** Returns a clock and a function that starts a node. The nodes share only the clock and the engine. */
function cluster(): { clock: ManualClock; start(node: string): TestCore } {
  const clock = new ManualClock();
  const engine = memoryEngine()({ clock, random: new SeededRandom() });
  const listeners: BusListener[] = [];
  engine.bus.listen((publication) => {
    for (const listener of listeners) listener(publication);
  });
  const bus = {
    listen: (listener: BusListener) => void listeners.push(listener),
    subscribe: (name: string, policy: LogPolicy) => engine.bus.subscribe(name, policy),
    unsubscribe: async () => {},
  };
  const factory: EngineFactory = () => ({ ...engine, bus, close: async () => {} });
  return { clock, start: (node) => testCore({ rules, clock, node, engine: factory }) };
}

test("[TRAP-7] [P-SUB-3] a client resumes from its position on a node that it never connected to before", async () => {
  const { clock, start } = cluster();
  const one = start("one");
  const there = one.connect({ principal: one.user("ada"), channels: [channel] });
  await clock.settle();
  await one.publish(channel, "n", 1);
  await clock.settle();
  const position = there.take().at(-1)?.position;
  there.drop();
  await one.publish(channel, "n", 2);
  const other = start("other");
  const here = other.connect({ principal: other.user("ada") });
  here.send({ type: "subscribe", id: 1, channel, since: position });
  await clock.settle();
  await one.publish(channel, "n", 3);
  await clock.settle();
  const [welcome, answer, ...events] = here.take();
  expect(welcome).toMatchObject({ type: "welcome", node: "other" });
  expect(answer).toMatchObject({ result: { position, recovered: true } });
  expect(events.map(({ data }) => data)).toEqual([2, 3]);
});

test("[TRAP-7] [P-POS-2] a plain-dialect client resumes from its cursor alone after its node has shut down", async () => {
  const { clock, start } = cluster();
  const one = start("one");
  const options = { principal: one.user("ada"), channels: [channel] };
  const there = one.connect(options, "plain");
  await clock.settle();
  await one.publish(channel, "n", 1);
  await clock.settle();
  const last = there.take().at(-1)?.event_id;
  await clock.until(one.core.shutdown(0));
  const other = start("other");
  await other.publish(channel, "n", 2);
  const here = other.connect({ principal: other.user("ada"), resume: cursor(last) }, "plain");
  await clock.settle();
  const [, answer, ...events] = here.take();
  expect(answer).toMatchObject({ type: "subscribed", channel, recovered: true });
  expect(events.map(({ data }) => data)).toEqual([2]);
});

function cursor(text: unknown): Cursor {
  const read = parseCursor(text);
  if (!read.ok) throw new Error(`${String(text)} is no cursor`);
  return read.value;
}
