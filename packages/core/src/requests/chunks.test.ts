import { MilepostError } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import type { MethodCall, Methods } from "../index.ts";
import { highRates, type TestCore, type TestSocket, testCore } from "../testing/index.ts";

async function open(t: TestCore): Promise<TestSocket> {
  const socket = t.connect({ principal: t.user("ada", { session: "s" }) });
  await t.clock.settle();
  socket.take();
  return socket;
}

async function tell(t: TestCore, socket: TestSocket, ...messages: object[]) {
  for (const message of messages) socket.send(message);
  await t.clock.settle();
  return socket.take();
}

const request = (method: string, rest: object = {}) => ({
  type: "request",
  id: 1,
  method,
  ...rest,
});
const part = (index: number, data?: unknown, last?: boolean) => ({
  type: "chunk",
  stream: 1,
  index,
  ...(data !== undefined && { data }),
  ...(last !== undefined && { last }),
});

/**
 * Returns a method that answers with chunks without end. Also returns a record: how many chunks were pulled,
 * how often the source was closed, and the call's signal.
 */
function endless(item: unknown = "x") {
  const seen = { pulled: 0, closed: 0, signal: undefined as AbortSignal | undefined };
  const handler = async function* (_: unknown, { signal }: MethodCall) {
    seen.signal = signal;
    try {
      for (;;) {
        seen.pulled++;
        yield item;
      }
    } finally {
      seen.closed++;
    }
  };
  return { seen, methods: { endless: { handler } } satisfies Methods };
}

/**
 * Returns a method that reads as many chunks as the test allows with `want`, and a record of its calls and the
 * chunks it read.
 */
function reading() {
  const read: unknown[] = [];
  const wants: (() => void)[] = [];
  let wanted = 0;
  const calls: MethodCall[] = [];
  const seen = { failed: undefined as unknown };
  const handler = async (_: unknown, call: MethodCall) => {
    calls.push(call);
    const chunks = call.input[Symbol.asyncIterator]();
    try {
      for (;;) {
        if (wanted === 0) await new Promise<void>((resolve) => wants.push(resolve));
        wanted--;
        const step = await chunks.next();
        if (step.done === true) return read.length;
        read.push(step.value);
      }
    } catch (error) {
      seen.failed = error;
      throw error;
    }
  };
  const want = (count: number) => {
    wanted += count;
    wants.shift()?.();
  };
  return {
    read,
    want,
    calls,
    seen,
    methods: { upload: { input: true, handler } } satisfies Methods,
  };
}

describe("an answer in chunks", () => {
  test("[P-CHUNK-1] an answer in chunks arrives in order, then a last chunk, then the reply", async () => {
    await using t = testCore({
      methods: {
        count: {
          async *handler(to) {
            for (let n = 1; n <= Number(to); n++) yield n === 2 ? undefined : { n };
            return { total: to };
          },
        },
      },
    });
    const socket = await open(t);
    expect(await tell(t, socket, request("count", { params: 3 }))).toEqual([
      part(0, { n: 1 }),
      part(1, null),
      part(2, { n: 3 }),
      part(3, undefined, true),
      { type: "reply", id: 1, result: { total: 3 } },
    ]);
    expect(await tell(t, socket, request("count", { params: 0 }))).toEqual([
      part(0, undefined, true),
      { type: "reply", id: 1, result: { total: 0 } },
    ]);
    const plain = t.connect({ principal: t.user("ada") }, "plain");
    await t.clock.settle();
    plain.take();
    expect(await tell(t, plain, request("count", { params: 1 }))).toMatchObject([
      part(0, { n: 1 }),
      part(1, undefined, true),
      { type: "reply", id: 1 },
    ]);
  });

  test("[P-CHUNK-1] an answer in chunks whose source fails ends with the error and no last chunk", async () => {
    const failing = (fault: unknown) =>
      async function* () {
        yield 1;
        throw fault;
      };
    let closed = 0;
    await using t = testCore({
      methods: {
        coded: { handler: failing(new MilepostError("not_found", "no more")) },
        broken: { handler: failing(new Error("the password is wrong")) },
        odd: {
          async *handler() {
            try {
              yield 1;
              yield 1n;
            } finally {
              closed++;
            }
          },
        },
        huge: {
          async *handler() {
            yield "x".repeat(1_048_577);
          },
        },
        unlike: {
          result: {
            "~standard": {
              version: 1,
              vendor: "t",
              validate: () => ({ issues: [{ message: "no" }] }),
            },
          },
          async *handler() {
            yield 1;
          },
        },
      },
    });
    const socket = await open(t);
    const errorOf = async (method: string) => (await tell(t, socket, request(method))).slice(-1);
    expect(await tell(t, socket, request("coded"))).toMatchObject([
      part(0, 1),
      { id: 1, error: { code: "not_found" } },
    ]);
    expect(await errorOf("huge")).toMatchObject([{ error: { code: "too_large" } }]);
    expect(t.faults).toEqual([]);
    for (const method of ["broken", "odd", "unlike"]) {
      expect(await errorOf(method)).toMatchObject([{ error: { code: "internal" } }]);
      expect(t.faults.splice(0)).toMatchObject([{ level: "error", fields: { method } }]);
    }
    expect(closed).toBe(1);
  });

  test("[P-CHUNK-2] an endless answer in chunks pauses while its reader is stalled, and continues when the reader reads again", async () => {
    const { seen, methods } = endless("x".repeat(10_000));
    await using t = testCore({ methods });
    const socket = await open(t);
    const others = await open(t);
    socket.stall();
    await tell(t, socket, request("endless"));
    // The method pauses once the connection holds 256 KiB, about 26 chunks.
    expect(seen.pulled).toBeGreaterThan(20);
    expect(seen.pulled).toBeLessThan(40);
    const before = seen.pulled;
    for (let i = 0; i < 20; i++) {
      await t.clock.advance(1_000);
      expect(socket.bufferedBytes).toBeLessThan(400_000);
    }
    expect(seen.pulled).toBe(before);
    expect(await tell(t, others, { type: "ping", id: 9 })).toEqual([{ type: "pong", id: 9 }]);
    socket.stall();
    for (let i = 0; i < 5; i++) {
      socket.resume();
      socket.stall();
      await t.clock.settle();
    }
    const arrived = socket.take();
    expect(seen.pulled).toBeGreaterThan(5 * 20);
    expect(arrived.map(({ index }) => index)).toEqual(arrived.map((_, index) => index));
    expect(seen.closed).toBe(0);
    socket.drop();
    await t.clock.settle();
    expect(seen.closed).toBe(1);
    expect(t.core.stats().connections).toBe(1);
  });

  test("[P-CHUNK-2] chunk streams of one connection never overflow its send queue, whatever their number and the size of their chunks", async () => {
    const { seen, methods } = endless("x".repeat(500_000));
    await using t = testCore({ methods });
    const socket = await open(t);
    socket.stall();
    for (let id = 1; id <= 32; id++) socket.send({ ...request("endless"), id });
    await t.clock.settle();
    // Each of the 32 streams holds one chunk, and one or two more were written.
    expect(seen.pulled).toBeLessThanOrEqual(34);
    expect(socket.bufferedBytes).toBeLessThan(1_048_576);
    expect(socket.closed).toBeUndefined();
    // The peer reads and stalls again 20 times, and the send queue does not overflow.
    for (let i = 0; i < 20; i++) {
      socket.resume();
      socket.stall();
      await t.clock.settle();
      expect(socket.bufferedBytes).toBeLessThan(1_100_000);
    }
    expect(socket.closed).toBeUndefined();
    expect(new Set(socket.take().map(({ stream }) => stream)).size).toBeGreaterThan(10);
  });

  test("[P-CHUNK-3] an answer in chunks stays within the credit of the request, and continues when the client grants more", async () => {
    const { seen, methods } = endless("x".repeat(34));
    await using t = testCore({ methods });
    const socket = await open(t);
    // Each chunk costs 100 bytes of credit: its 36 bytes of JSON and 64 more.
    expect(await tell(t, socket, request("endless", { credit: 250 }))).toHaveLength(3);
    expect(seen.pulled).toBe(3);
    expect(await tell(t, socket, { type: "chunk", stream: 1, credit: 50 })).toHaveLength(0);
    expect(await tell(t, socket, { type: "chunk", stream: 1, credit: 101 })).toHaveLength(2);
    expect(seen.pulled).toBe(5);
    for (const credit of [0, -1, 1.5, "1", null, 2 ** 41]) {
      expect(await tell(t, socket, { type: "chunk", stream: 1, credit })).toMatchObject([
        { type: "reply", id: null, error: { code: "bad_message" } },
      ]);
    }
    expect(seen.closed).toBe(0);
  });

  test("[P-CHUNK-6] cancelling an answer in chunks closes its source, and no chunk follows the reply", async () => {
    const { seen, methods } = endless("x".repeat(10_000));
    await using t = testCore({ methods });
    const socket = await open(t);
    socket.stall();
    await tell(t, socket, request("endless"));
    await tell(t, socket, { type: "cancel", id: 1 });
    expect(seen.closed).toBe(1);
    expect(seen.signal?.reason).toMatchObject({ code: "cancelled" });
    socket.resume();
    await t.clock.settle();
    expect(socket.take().at(-1)).toMatchObject({ type: "reply", error: { code: "cancelled" } });
    // The id is free again, and the old stream does not interfere with the new one.
    expect(await tell(t, socket, request("endless", { credit: 1 }))).toEqual([
      part(0, "x".repeat(10_000)),
    ]);
    expect(await tell(t, socket, { type: "cancel", id: 1 })).toHaveLength(1);
    expect(seen.closed).toBe(2);
  });

  test("[P-CHUNK-6] a cancelled answer in chunks counts towards the limit until its source ends", async () => {
    const release: (() => void)[] = [];
    await using t = testCore({
      methods: {
        deaf: {
          async *handler() {
            yield 1;
            await new Promise<void>((resolve) => release.push(resolve));
            yield 2;
          },
        },
      },
    });
    const socket = await open(t);
    for (let id = 1; id <= 32; id++) {
      await tell(t, socket, { ...request("deaf"), id });
      expect(await tell(t, socket, { type: "cancel", id })).toMatchObject([
        { id, error: { code: "cancelled" } },
      ]);
    }
    expect(await tell(t, socket, request("deaf"))).toMatchObject([
      { id: 1, error: { code: "rate_limited" } },
    ]);
    release.shift()?.();
    await t.clock.settle();
    expect(await tell(t, socket, request("deaf"))).toEqual([part(0, 1)]);
    expect(t.faults).toEqual([]);
  });

  test("[P-CHUNK-6] an answer in chunks ends with timed_out when no chunk moves within the timeout, which every chunk restarts", async () => {
    const send: (() => void)[] = [];
    let closed = 0;
    await using t = testCore({
      methods: {
        slow: {
          timeoutMs: 1_000,
          async *handler() {
            try {
              for (let n = 0; ; n++) {
                await new Promise<void>((resolve) => send.push(resolve));
                yield n;
              }
            } finally {
              closed++;
            }
          },
        },
      },
    });
    const socket = await open(t);
    await tell(t, socket, request("slow", { credit: 1_000 }));
    for (let n = 0; n < 5; n++) {
      await t.clock.advance(900);
      send.shift()?.();
      await t.clock.settle();
      expect(socket.take()).toEqual([part(n, n)]);
    }
    await t.clock.advance(1_051);
    expect(socket.take()).toMatchObject([{ id: 1, error: { code: "timed_out" } }]);
    send.shift()?.();
    await t.clock.settle();
    expect(closed).toBe(1);
    expect(socket.take()).toEqual([]);
  });

  test("[P-CHUNK-6] an error while the source of a cancelled answer closes is logged and does not change the reply", async () => {
    await using t = testCore({
      methods: {
        bad: {
          handler: () => ({
            [Symbol.asyncIterator]: () => ({
              next: () => new Promise<IteratorResult<unknown>>(() => {}),
              return: () => {
                throw new Error("cannot be closed");
              },
            }),
          }),
        },
      },
    });
    const socket = await open(t);
    await tell(t, socket, request("bad"));
    expect(await tell(t, socket, { type: "cancel", id: 1 })).toMatchObject([
      { error: { code: "cancelled" } },
    ]);
    expect(t.faults).toMatchObject([{ fields: { err: { message: "cannot be closed" } } }]);
  });
});

describe("a request with chunks", () => {
  test("[P-CHUNK-4] credit for a request's chunks is granted as the method reads, and the chunks arrive in order", async () => {
    const { read, want, methods } = reading();
    await using t = testCore({ methods });
    const socket = await open(t);
    expect(await tell(t, socket, request("upload", { stream: true }))).toEqual([]);
    want(1);
    await t.clock.settle();
    expect(socket.take()).toEqual([{ type: "chunk", stream: 1, credit: 262_144 }]);
    const data = "x".repeat(131_000);
    expect(await tell(t, socket, part(0, "a"), part(1, data), part(2, { c: [null] }))).toEqual([]);
    expect(read).toEqual(["a"]);
    want(1);
    await t.clock.settle();
    // At least half of the window is free again: the 67 bytes that the first chunk cost and the 131,066 bytes
    // that the second cost.
    expect(socket.take()).toEqual([{ type: "chunk", stream: 1, credit: 131_133 }]);
    want(2);
    await t.clock.settle();
    expect(await tell(t, socket, part(3, undefined, true))).toEqual([
      { type: "reply", id: 1, result: 3 },
    ]);
    expect(read).toEqual(["a", data, { c: [null] }]);
  });

  test("[P-CHUNK-4] the last chunk of a request may carry data, and may arrive before the method reads", async () => {
    const { read, want, methods } = reading();
    await using t = testCore({ methods });
    const socket = await open(t);
    await tell(t, socket, request("upload", { stream: true }));
    want(1);
    await t.clock.settle();
    socket.take();
    await tell(t, socket, part(0, 1), part(1, 2), part(2, 3, true));
    want(3);
    await t.clock.settle();
    expect(socket.take()).toEqual([{ type: "reply", id: 1, result: 3 }]);
    expect(read).toEqual([1, 2, 3]);

    await tell(t, socket, request("upload", { stream: true }), part(0, undefined, true));
    want(1);
    await t.clock.settle();
    expect(socket.take()).toEqual([{ type: "reply", id: 1, result: 3 }]);
  });

  test("[P-CHUNK-4] a chunk larger than the window is accepted, and credit follows once the method reads it", async () => {
    const { read, want, methods } = reading();
    await using t = testCore({ methods });
    const socket = await open(t);
    await tell(t, socket, request("upload", { stream: true }));
    want(1);
    await t.clock.settle();
    socket.take();
    await tell(t, socket, part(0, 0), part(1, "x".repeat(900_000)));
    // The large chunk made the credit negative, so more than the usual window of 262,144 bytes must be granted.
    want(1);
    await t.clock.settle();
    const [granted] = socket.take();
    expect(granted).toMatchObject({ type: "chunk", stream: 1 });
    expect(Number(granted?.credit)).toBeGreaterThan(900_000);
    expect(read).toHaveLength(2);
  });

  test("[P-CHUNK-5] chunks with a wrong index, beyond the credit or after the last one end the request with bad_message", async () => {
    const wrong: [string, (object | string)[]][] = [
      ["index must be 0; it is 1", [part(1, "a")]],
      ["index must be 1; it is 0", [part(0, "a"), part(0, "a")]],
      ["index must be 1; it is 3", [part(0, "a"), part(3, "a")]],
      ["after the last", [part(0, "a", true), part(1, "a")]],
      ["exceeds the granted credit", [part(0, "a"), part(1, "x".repeat(300_000)), part(2, "a")]],
      [
        "exceeds the granted credit",
        // Small chunks cost as well: about 4,000 of them fill a window.
        [
          JSON.stringify(Array.from({ length: 1_000 }, (_, i) => part(i, 1))),
          ...[1, 2, 3, 4].map((n) =>
            JSON.stringify(Array.from({ length: 1_000 }, (_, i) => part(n * 1_000 + i, 1))),
          ),
        ],
      ],
    ];
    for (const [message, frames] of wrong) {
      const { want, calls, seen, methods } = reading();
      await using t = testCore({ methods, limits: highRates });
      const socket = await open(t);
      await tell(t, socket, request("upload", { stream: true }));
      want(1);
      await t.clock.settle();
      // The method has asked for one chunk only, so the later ones wait.
      socket.take();
      for (const frame of frames) {
        if (typeof frame === "string") socket.sendText(frame);
        else socket.send(frame);
      }
      await t.clock.settle();
      const replies = socket.take().filter(({ type }) => type === "reply");
      expect(replies).toMatchObject([
        { id: 1, error: { code: "bad_message", message: expect.stringContaining(message) } },
      ]);
      expect(calls[0]?.signal.aborted).toBe(true);
      want(1);
      await t.clock.settle();
      // When a chunk follows the last one, the input was complete already, so reading it does not fail.
      if (message !== "after the last") expect(seen.failed).toMatchObject({ code: "bad_message" });
      // The connection stays usable, and later chunks of the stream are ignored.
      expect(await tell(t, socket, part(7, "a"), { type: "ping", id: 1 })).toEqual([
        { type: "pong", id: 1 },
      ]);
    }
  });

  test("[P-CHUNK-5] a chunk without credit, or for a request without stream: true, ends the request with bad_message", async () => {
    const { methods } = reading();
    await using t = testCore({ methods: { ...methods, ...endless().methods } });
    const socket = await open(t);
    await tell(t, socket, request("upload", { stream: true }));
    expect(await tell(t, socket, part(0, "early"))).toMatchObject([
      { id: 1, error: { code: "bad_message", message: expect.stringContaining("granted") } },
    ]);
    await tell(t, socket, request("endless", { credit: 1 }));
    expect(await tell(t, socket, part(0, "a"))).toMatchObject([
      { id: 1, error: { code: "bad_message", message: expect.stringContaining("stream: true") } },
    ]);
    for (const chunk of [
      { stream: 1 },
      { stream: 1, index: -1, data: 1 },
      { stream: 1, index: 0 },
      { stream: [1], index: 0, data: 1 },
      { stream: 1, index: 0, data: 1, last: "yes" },
      { stream: 1, index: 2 ** 53, data: 1 },
      { index: 0, data: 1 },
    ]) {
      expect(await tell(t, socket, { type: "chunk", ...chunk })).toMatchObject([
        { id: null, error: { code: "bad_message" } },
      ]);
    }
    expect(await tell(t, socket, { type: "chunk", stream: 99, index: 5, data: 1 })).toEqual([]);
    expect(socket.closed).toBeUndefined();
  });

  test("[P-CHUNK-6] a cancel, a dropped connection and a timeout each end the method's reading of chunks", async () => {
    for (const end of ["cancel", "drop", "time"] as const) {
      const { want, seen, methods } = reading();
      await using t = testCore({ methods });
      const socket = await open(t);
      await tell(t, socket, request("upload", { stream: true, timeout_ms: 5_000 }));
      want(2);
      await t.clock.settle();
      await t.clock.advance(4_900);
      // A chunk restarts the timeout.
      await tell(t, socket, part(0, 1));
      await t.clock.advance(4_900);
      expect(seen.failed).toBeUndefined();
      if (end === "cancel") socket.send({ type: "cancel", id: 1 });
      else if (end === "drop") socket.drop();
      else await t.clock.advance(200);
      await t.clock.settle();
      expect(seen.failed).toMatchObject({ code: end === "time" ? "timed_out" : "cancelled" });
      expect(t.faults).toEqual([]);
    }
  });

  test("[P-CHUNK-7] requests with chunks are accepted only for methods that take chunks, at most four at a time per connection", async () => {
    const { want, calls, methods } = reading();
    await using t = testCore({ methods: { ...methods, ...endless().methods } });
    const socket = await open(t);
    for (const method of ["endless", "operations.list"]) {
      expect(await tell(t, socket, request(method, { stream: true }))).toMatchObject([
        { id: 1, error: { code: "not_supported" } },
      ]);
    }
    const upload = (id: number) => ({ ...request("upload", { stream: true }), id });
    for (let id = 1; id <= 5; id++) socket.send(upload(id));
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ id: 5, error: { code: "rate_limited" } }]);
    expect(calls).toHaveLength(4);
    // A cancelled request counts towards the limit of four until its method has ended.
    expect(await tell(t, socket, { type: "cancel", id: 1 })).toHaveLength(1);
    expect(await tell(t, socket, upload(5))).toMatchObject([{ error: { code: "rate_limited" } }]);
    want(1);
    await t.clock.settle();
    expect(await tell(t, socket, upload(5))).toEqual([]);
    expect(calls).toHaveLength(5);
  });

  test("[P-CHUNK-7] an upstream request whose reply is not sent in the stream can neither send chunks nor get them", async () => {
    const { methods } = reading();
    await using t = testCore({ methods: { ...methods, ...endless(1).methods } });
    const principal = t.user("ada", { session: "s" });
    const socket = t.connect({ principal });
    await t.clock.settle();
    const id = String(socket.take()[0]?.connection_id);
    for (const connection of ["-", id]) {
      for (const message of [request("upload", { stream: true }), request("endless")]) {
        const replies = t.core.handleUpstream(principal, connection, JSON.stringify(message));
        expect(await t.clock.until(replies)).toMatchObject([
          { id: 1, error: { code: "not_supported" } },
        ]);
      }
    }
    void t.core.forwardUpstream(principal, id, JSON.stringify(request("endless", { credit: 1 })));
    await t.clock.settle();
    expect(socket.take()).toEqual([part(0, 1)]);
  });

  test("[P-CHUNK-7] chunk streams do not delay other requests, because chunk streams have limits of their own", async () => {
    const { methods } = endless();
    await using t = testCore({ methods, limits: highRates });
    const socket = await open(t);
    for (let id = 1; id <= 40; id++) socket.send({ ...request("endless", { credit: 1 }), id });
    await t.clock.settle();
    const refused = socket.take().filter(({ type }) => type === "reply");
    expect(refused).toHaveLength(8);
    const ids = Array.from({ length: 255 }, (_, i) => `r${i}`);
    for (const id of ids) socket.send({ type: "request", id, method: "operations.list" });
    await t.clock.settle();
    expect(socket.take()).toHaveLength(255);
  });

  test("[P-CHUNK-8] a request with chunks ends with its connection, and the connection that replaces it ignores further chunks", async () => {
    const { read, want, seen, methods } = reading();
    await using t = testCore({ methods });
    const principal = t.user("ada", { session: "s" });
    const socket = t.connect({ principal });
    await t.clock.settle();
    const connectionId = String(socket.take()[0]?.connection_id);
    await tell(t, socket, request("upload", { stream: true }));
    want(2);
    await t.clock.settle();
    await tell(t, socket, part(0, "a"));
    const next = t.connect({ principal, connectionId });
    await t.clock.settle();
    expect(socket.closed?.code).toBe(4001);
    expect(seen.failed).toMatchObject({ code: "cancelled" });
    next.take();
    expect(await tell(t, next, part(1, "b"))).toEqual([]);
    expect(read).toEqual(["a"]);
  });

  test("[P-CHUNK-1] a method can read and send chunks at the same time", async () => {
    await using t = testCore({
      methods: {
        upper: {
          input: true,
          async *handler(_, { input }) {
            let count = 0;
            for await (const text of input) {
              count++;
              yield String(text).toUpperCase();
            }
            return count;
          },
        },
      },
    });
    const socket = await open(t);
    expect(await tell(t, socket, request("upper", { stream: true }))).toEqual([
      { type: "chunk", stream: 1, credit: 262_144 },
    ]);
    expect(await tell(t, socket, part(0, "a"))).toEqual([part(0, "A")]);
    expect(await tell(t, socket, part(1, "b", true))).toEqual([
      part(1, "B"),
      part(2, undefined, true),
      { type: "reply", id: 1, result: 2 },
    ]);
  });
});
