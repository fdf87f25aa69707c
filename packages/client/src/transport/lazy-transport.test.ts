import { expect, it } from "vitest";
import { lazyTransport } from "./lazy-transport.ts";
import type { Transport, TransportConnectionEvents } from "./transport.ts";

const attempt = { url: new URL("ws://gateway.test/ws"), token: undefined, connectionId: undefined };

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
  return { line: transport.open(attempt, events), heard, did };
}

it("a transport that is loaded late delivers everything from its first frame on", async () => {
  const { line, heard, did } = setUp();
  expect(did).toEqual([]);
  await line.closed;
  line.send(["a", "b"], 9);
  line.release();
  expect(heard).toEqual(["welcome"]);
  expect(did).toEqual(["open", "send a,b 9", "release"]);
});

it("a transport connection released before its code is loaded opens nothing and reports nothing", async () => {
  const { line, heard, did } = setUp();
  line.release();
  await line.closed;
  expect([heard, did]).toEqual([[], []]);
});

it("a transport whose code cannot be loaded closes with 1006, like any broken connection", async () => {
  const { line, heard } = setUp(() => Promise.reject(new Error("offline")));
  await line.closed;
  expect(heard).toEqual([1006]);
});
