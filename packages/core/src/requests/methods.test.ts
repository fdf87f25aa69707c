import { MilepostError, type SchemaIssue, type StandardSchema } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { type MethodCall, type Methods, type ServicePrincipal, ServiceScopes } from "../index.ts";
import { highRates, type TestCore, type TestSocket, testCore } from "../testing/index.ts";

async function open(t: TestCore, user = "ada"): Promise<TestSocket> {
  const socket = t.connect({ principal: t.user(user, { session: "s" }) });
  await t.clock.settle();
  socket.take();
  return socket;
}

async function ask(t: TestCore, socket: TestSocket, method: string, rest: object = {}) {
  socket.send({ type: "request", id: 1, method, ...rest });
  await t.clock.settle();
  return socket.take();
}

/** Returns a schema that finds the issues which `issuesOf` returns. */
function schema<T>(
  issuesOf: (value: unknown) => readonly SchemaIssue[],
): StandardSchema<unknown, T> {
  return {
    "~standard": {
      version: 1,
      vendor: "test",
      async validate(value) {
        const issues = issuesOf(value);
        return issues.length > 0 ? { issues } : { value: value as T };
      },
    },
  };
}

/**
 * Returns a method whose calls end only when the test calls their function in `goOn`, and a list of its calls.
 */
function waiting() {
  const calls: MethodCall[] = [];
  const goOn: ((result: unknown) => void)[] = [];
  const handler = (_params: unknown, call: MethodCall) => {
    calls.push(call);
    return new Promise<unknown>((resolve) => goOn.push(resolve));
  };
  return { calls, goOn, methods: { wait: { handler } } satisfies Methods };
}

test("[P-REQ-1] gateway.store says which store the gateway has, and whether it survives the process", async () => {
  await using t = testCore();
  const socket = await open(t);
  const [reply] = await ask(t, socket, "gateway.store");
  expect(reply).toMatchObject({ result: { kind: "memory", durable: false } });
});

describe("methods of a deployment", () => {
  test("[P-RPC-1] a method is found by its exact name, else by the longest pattern that matches", async () => {
    const answering = (by: string) => ({
      handler: (_: unknown, { method }: MethodCall) => `${method} by ${by}`,
    });
    await using t = testCore({
      methods: {
        "orders.get": answering("name"),
        "orders.*": answering("orders"),
        "orders.items.*": answering("items"),
      },
    });
    const socket = await open(t);
    for (const [method, by] of [
      ["orders.get", "name"],
      ["orders.list", "orders"],
      ["orders.items.add", "items"],
      ["orders.get.it", "orders"],
    ] as const) {
      expect(await ask(t, socket, method)).toMatchObject([{ id: 1, result: `${method} by ${by}` }]);
    }
    for (const method of [
      "orders",
      "orders.",
      "orders.a/b",
      "orders.\u0000",
      "Orders.get",
      "x.y",
    ]) {
      expect(await ask(t, socket, method)).toMatchObject([{ error: { code: "unknown_method" } }]);
    }
  });

  test("[P-RPC-1] a deployment cannot define methods with invalid or reserved names, and a pattern does not cover reserved names", async () => {
    const handler = () => "mine";
    for (const name of ["operations.get", "operations.mine", "history.*", "presence", "queues.x"]) {
      expect(() => testCore({ methods: { [name]: { handler } } }), name).toThrow(name);
    }
    for (const name of ["", "a b", "a..b", "a.*.b", "a*", ".a", `${"a".repeat(129)}`]) {
      expect(() => testCore({ methods: { [name]: { handler } } }), name).toThrow("must be names");
    }
    expect(() => testCore({ methods: { a: { handler, timeoutMs: 0 } } })).toThrow("timeoutMs");
    await using t = testCore({ methods: { "*": { handler } } });
    const socket = await open(t);
    expect(await ask(t, socket, "anything")).toMatchObject([{ result: "mine" }]);
    expect(await ask(t, socket, "queues.anything")).toMatchObject([
      { error: { code: "unknown_method" } },
    ]);
    expect(await ask(t, socket, "operations.list")).toMatchObject([{ result: { operations: [] } }]);
  });

  test("[P-RPC-2] parameters that the method's schema does not accept are refused with invalid_data naming the field", async () => {
    const seen: unknown[] = [];
    await using t = testCore({
      methods: {
        "orders.add": {
          params: schema((params) =>
            JSON.stringify(params) === '{"items":[]}'
              ? []
              : [{ message: "must be a number", path: ["items", { key: 1 }, "count"] }],
          ),
          handler: (params) => seen.push(params),
        },
      },
    });
    const socket = await open(t);
    expect(await ask(t, socket, "orders.add")).toMatchObject([
      { error: { code: "invalid_data", message: "items[1].count: must be a number" } },
    ]);
    expect(seen).toEqual([]);
    expect(await ask(t, socket, "orders.add", { params: { items: [] } })).toMatchObject([
      { result: 1 },
    ]);
    expect(seen).toEqual([{ items: [] }]);
  });

  test("[P-RPC-2] a caller without access to a method is refused with forbidden, and the method does not run", async () => {
    let ran = 0;
    await using t = testCore({
      methods: {
        secret: { access: async ({ user }) => user === "ada", handler: () => ++ran },
        broken: {
          access: () => {
            throw new Error("who knows");
          },
          handler: () => ++ran,
        },
      },
    });
    expect(await ask(t, await open(t, "bob"), "secret")).toMatchObject([
      { error: { code: "forbidden" } },
    ]);
    expect(await ask(t, await open(t), "broken")).toMatchObject([{ error: { code: "internal" } }]);
    expect(ran).toBe(0);
    expect(await ask(t, await open(t), "secret")).toMatchObject([{ result: 1 }]);
  });

  test("[P-RPC-3] a method's signal aborts on cancel, timeout, disconnect, token expiry and shutdown", async () => {
    const { calls, methods } = waiting();
    await using t = testCore({ methods });
    const asking = async () => {
      const socket = await open(t);
      await ask(t, socket, "wait");
      const signal = calls.at(-1)?.signal;
      expect(signal?.aborted).toBe(false);
      return { socket, signal };
    };
    const givenUp = await asking();
    givenUp.socket.send({ type: "cancel", id: 1 });
    await t.clock.settle();
    expect(givenUp.socket.take()).toMatchObject([{ id: 1, error: { code: "cancelled" } }]);
    expect(givenUp.signal?.reason).toMatchObject({ code: "cancelled" });

    const late = await asking();
    await t.clock.advance(t.core.limits.requestTimeoutMs + 50);
    expect(late.socket.take()).toMatchObject([{ id: 1, error: { code: "timed_out" } }]);
    expect(late.signal?.reason).toMatchObject({ code: "timed_out" });

    const gone = await asking();
    gone.socket.drop();
    expect(gone.signal?.reason).toMatchObject({ code: "cancelled" });

    const expiring = t.connect({
      principal: t.user("ada", { expiresAt: t.clock.now() + 10_000 }),
    });
    await ask(t, expiring, "wait");
    await t.clock.advance(15_000);
    expect(expiring.closed?.code).toBe(4101);
    expect(calls.at(-1)?.signal.aborted).toBe(true);

    const going = await asking();
    await t.clock.until(t.core.shutdown(0));
    expect(going.signal?.aborted).toBe(true);
  });

  test("[P-RPC-3] a cancel and an answer at the same moment produce one reply", async () => {
    const { goOn, methods } = waiting();
    await using t = testCore({ methods });
    const socket = await open(t);
    socket.send({ type: "request", id: 1, method: "wait" });
    await t.clock.settle();
    goOn[0]?.("done");
    socket.send({ type: "cancel", id: 1 });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ id: 1, error: { code: "cancelled" } }]);
    socket.send({ type: "request", id: 1, method: "wait" });
    await t.clock.settle();
    goOn[1]?.("done");
    await t.clock.settle();
    socket.send({ type: "cancel", id: 1 });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ id: 1, result: "done" }]);
  });

  test("[P-RPC-3] a request that is cancelled while its parameters are checked does not start its handler", async () => {
    let ran = 0;
    let accept: (() => void) | undefined;
    const slow = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: (value: unknown) =>
          new Promise<{ value: unknown }>((resolve) => {
            accept = () => resolve({ value });
          }),
      },
    } as const;
    await using t = testCore({ methods: { slow: { params: slow, handler: () => ++ran } } });
    const socket = await open(t);
    await ask(t, socket, "slow");
    socket.send({ type: "cancel", id: 1 });
    accept?.();
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ error: { code: "cancelled" } }]);
    expect(ran).toBe(0);
    expect(t.faults).toEqual([]);
  });

  test("[P-RPC-4] a MilepostError is sent unchanged; any other error is sent as internal, without its text", async () => {
    await using t = testCore({
      methods: {
        sold: {
          handler: () => {
            throw new MilepostError("not_possible_now", "sold out", { retryAfterMs: 500 });
          },
        },
        broken: { handler: () => Promise.reject(new Error("the password is wrong")) },
        odd: { handler: () => 1n },
        unlike: { result: schema(() => [{ message: "no" }]), handler: () => 7 },
        huge: { handler: () => "x".repeat(1_048_577) },
      },
    });
    const socket = await open(t);
    expect(await ask(t, socket, "sold")).toMatchObject([
      { error: { code: "not_possible_now", message: "sold out", retry_after_ms: 500 } },
    ]);
    expect(await ask(t, socket, "huge")).toMatchObject([{ error: { code: "too_large" } }]);
    expect(t.faults).toEqual([]);
    for (const method of ["broken", "odd", "unlike"]) {
      const answer = await ask(t, socket, method, { params: { card: "4711" } });
      expect(answer).toMatchObject([{ error: { code: "internal", retryable: true } }]);
      expect(JSON.stringify(answer)).not.toContain("password");
      const [fault] = t.faults.splice(0);
      expect(fault).toMatchObject({ level: "error", fields: { method } });
      expect(JSON.stringify(fault)).not.toContain("4711");
    }
  });

  test("[P-RPC-5] a handler receives the key of the request, and answers null if it returns nothing", async () => {
    const keys: unknown[] = [];
    await using t = testCore({
      methods: {
        note: {
          handler: (_, { key }) => {
            keys.push(key);
          },
        },
      },
    });
    const socket = await open(t);
    expect(await ask(t, socket, "note", { key: "k1" })).toMatchObject([{ id: 1, result: null }]);
    expect(await ask(t, socket, "note")).toMatchObject([{ id: 1, result: null }]);
    expect(keys).toEqual(["k1", undefined]);
    expect(await ask(t, socket, "note", { key: "" })).toMatchObject([
      { error: { code: "bad_message" } },
    ]);
  });
});

describe("deadlines of requests", () => {
  test("[P-REQ-3] timeout_ms of a request shortens the timeout of its method and never prolongs it", async () => {
    const { calls, methods } = waiting();
    await using t = testCore({ methods: { wait: { ...methods.wait, timeoutMs: 5_000 } } });
    const socket = await open(t);
    for (const [timeout_ms, takesMs] of [
      [undefined, 5_000],
      [1_000, 1_000],
      [600_000, 5_000],
    ] as const) {
      const startedAt = t.clock.now();
      await ask(t, socket, "wait", timeout_ms === undefined ? {} : { timeout_ms });
      expect(calls.at(-1)?.deadline).toBe(startedAt + takesMs);
      await t.clock.advance(takesMs - 1);
      expect(socket.take()).toEqual([]);
      await t.clock.advance(51);
      expect(socket.take()).toMatchObject([{ id: 1, error: { code: "timed_out" } }]);
    }
  });

  test("[P-REQ-3] a method without a timeout uses the timeout_ms of the request, or else the node's requestTimeoutMs", async () => {
    const { calls, methods } = waiting();
    await using t = testCore({ methods, limits: { requestTimeoutMs: 20_000 } });
    const socket = await open(t);
    const now = t.clock.now();
    await ask(t, socket, "wait", { id: 1 });
    await ask(t, socket, "wait", { id: 2, timeout_ms: 600_000 });
    expect(calls.map(({ deadline }) => deadline - now)).toEqual([20_000, 600_000]);
  });

  test("[P-REQ-1] a second request with the id of one that has no reply yet is refused, and the first one is answered", async () => {
    let goOn = (_: string) => {};
    const wait = { handler: () => new Promise<string>((resolve) => (goOn = resolve)) };
    await using t = testCore({ methods: { wait } });
    const socket = t.connect({ principal: t.user("ada") });
    await t.clock.settle();
    socket.take();
    for (let n = 0; n < 2; n++) socket.send({ type: "request", id: 1, method: "wait" });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ id: 1, error: { code: "bad_message" } }]);
    goOn("answer");
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ id: 1, result: "answer" }]);
  });

  test("[P-REQ-4] a 257th request waits while 256 are under way, but a cancel of one of them is handled at once", async () => {
    const { calls, goOn, methods } = waiting();
    await using t = testCore({ methods, limits: highRates });
    const socket = await open(t);
    const request = (id: number) => ({ type: "request", id, method: "wait" });
    for (let id = 1; id <= 257; id++) socket.send(request(id));
    socket.send({ type: "ping", id: "after" });
    await t.clock.settle();
    expect(calls).toHaveLength(256);
    expect(socket.take()).toEqual([]);
    socket.send({ type: "cancel", id: 3 });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ id: 3, error: { code: "cancelled" } }]);
    expect(calls[2]?.signal.aborted).toBe(true);
    // The cancelled request still counts, because its handler has not ended.
    expect(calls).toHaveLength(256);
    goOn[2]?.("too late");
    await t.clock.settle();
    expect(calls).toHaveLength(257);
    expect(socket.take()).toEqual([]);
    goOn[0]?.("first");
    await t.clock.settle();
    expect(socket.take()).toMatchObject([
      { id: 1, result: "first" },
      { type: "pong", id: "after" },
    ]);
  });
});

test("[P-RPC-11] a service calls the methods that the scopes of its key allow, as no user, and is refused every other one", async () => {
  const calls: MethodCall[] = [];
  const handler = (_: unknown, call: MethodCall) => {
    calls.push(call);
    return "done";
  };
  const onlyUsers = { handler, access: () => false };
  await using t = testCore({
    methods: { "orders.*": { handler }, "stock.get": onlyUsers, "stock.set": { handler } },
  });
  const scopes = ServiceScopes.read(["methods:orders.*", "methods:stock.get"]);
  if (typeof scopes === "string") throw new Error(scopes);
  const outcomesOf = async (principal: ServicePrincipal) => {
    const socket = t.connect({ principal });
    await t.clock.settle();
    socket.take();
    const outcomes: unknown[] = [];
    for (const method of ["orders.get", "orders.items.get", "stock.get", "stock.set"]) {
      const [reply] = (await ask(t, socket, method)) as [{ error?: { code: string } }];
      outcomes.push(reply.error?.code ?? "done");
    }
    return outcomes;
  };
  const scoped = await outcomesOf({ kind: "service", name: "shop", scopes });
  expect(scoped).toEqual(["done", "done", "done", "forbidden"]);
  expect(calls[0]).toMatchObject({
    service: "shop",
    principal: { user: undefined, session: undefined },
  });
  expect(await outcomesOf({ kind: "service", name: "all" })).toEqual(Array(4).fill("done"));
  const none = ServiceScopes.read(["publish"]) as ServiceScopes;
  expect(await outcomesOf({ kind: "service", name: "no", scopes: none })).toEqual(
    Array(4).fill("forbidden"),
  );
  const socket = await open(t);
  await ask(t, socket, "orders.get");
  expect(calls.at(-1)).toMatchObject({ principal: { user: "ada" } });
  expect(calls.at(-1)?.service).toBeUndefined();
});

test.each(["methods:", "methods:orders.", "methods:.get", "methods:orders.*.get", "methods:a:b"])(
  "[P-RPC-11] the scope %s is refused with what a scope of methods looks like",
  (scope) => {
    expect(ServiceScopes.read([scope])).toMatch(/such as methods:orders\.\*/);
  },
);
