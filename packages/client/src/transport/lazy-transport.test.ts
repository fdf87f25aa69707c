import { expect, it } from "vitest";
import { Schedule } from "../runtime/schedule.ts";
import { ManualClock } from "../testing/index.ts";
import { lazyTransport } from "./lazy-transport.ts";
import type { Transport, TransportConnectionEvents } from "./transport.ts";

const attempt = {
  url: new URL("ws://gateway.test/ws"),
  token: undefined,
  connectionId: undefined,
  schedule: new Schedule(new ManualClock()),
};

function setUp(loads: () => Promise<void> = async () => {}) {
  const heard: unknown[] = [];
  const did: string[] = [];
  const events: TransportConnectionEvents = {
    onFrame: (frame) => heard.push(frame),
    onClose: (code) => heard.push(code),
  };
  const real: Transport = {
    name: "poll",
    open(_, { onFrame }) {
      did.push("open");
      onFrame("welcome");
      return {
        closed: Promise.resolve(),
        send: (messages, maxBytes) => did.push(`send ${messages.join()} ${maxBytes}`),
        release: () => did.push("release"),
      };
    },
  };
  const transport = lazyTransport("poll", () => loads().then(() => real));
  return { connection: transport.open(attempt, events), heard, did };
}

it("a lazily loaded transport passes on everything from its first frame, and what the client sends", async () => {
  const { connection, heard, did } = setUp();
  expect(did).toEqual([]);
  await connection.closed;
  connection.send(["a", "b"], 9);
  connection.release();
  expect(heard).toEqual(["welcome"]);
  expect(did).toEqual(["open", "send a,b 9", "release"]);
});

it("a transport connection released before its code is loaded opens nothing and reports nothing", async () => {
  const { connection, heard, did } = setUp();
  connection.release();
  await connection.closed;
  expect([heard, did]).toEqual([[], []]);
});

it("a transport whose code cannot be loaded closes with 1006, like any broken connection", async () => {
  const { connection, heard } = setUp(() => Promise.reject(new Error("offline")));
  await connection.closed;
  expect(heard).toEqual([1006]);
});

it("a transport's code is loaded once for all connections, and loaded again after a failed load", async () => {
  let loads = 0;
  const transport = lazyTransport("poll", async () => {
    if (++loads === 1) throw new Error("offline");
    return {
      name: "poll",
      open: () => ({ closed: Promise.resolve(), name: "sse", send() {}, release() {} }),
    };
  });
  const events: TransportConnectionEvents = { onFrame() {}, onClose() {} };
  const names: unknown[] = [];
  for (let n = 0; n < 3; n++) {
    const connection = transport.open(attempt, events);
    await connection.closed;
    names.push(connection.name);
  }
  expect([loads, names]).toEqual([2, [undefined, "sse", "sse"]]);
});
