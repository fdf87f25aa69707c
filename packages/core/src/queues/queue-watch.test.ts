import { type Engine, type EngineFactory, memoryEngine } from "@milepost/engine";
import { ManualClock, SeededRandom, SharedEngine } from "@milepost/engine/testing";
import type { QueueTicket } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import type { UserPrincipal } from "../rules/principal.ts";
import { RecordingMeter, type TestCore, type TestSocket, testCore } from "../testing/index.ts";
import { randomOf } from "../testing/quarter-runs.ts";
import type { QueueRule } from "./queue-rule.ts";

const preview: QueueRule = {
  queue: "preview",
  join: "authenticated",
  capacity: 1,
  graceMs: 60_000,
};

/** The people of these tests answer no pings. */
const limits = { idleTimeoutMs: 36_000_000, inactivityTimeoutMs: 36_000_000 };

/** Connects a person to its own channel. */
async function connected(t: TestCore, principal: UserPrincipal): Promise<TestSocket> {
  const socket = t.connect({ principal });
  socket.send({ type: "subscribe", id: 1, channel: `user:${principal.user}`, since: "now" });
  await t.clock.advance(0);
  return socket;
}

/** Positions that a socket was told of since the last call. */
function told(socket: TestSocket): readonly number[] {
  return tickets(socket).map(({ position }) => position);
}

function tickets(socket: TestSocket): readonly QueueTicket[] {
  return socket
    .take()
    .filter(({ event }) => event === "queue:position")
    .map(({ data }) => (data as { ticket: QueueTicket }).ticket);
}

/** Memory engine that a test changes. */
function engineWith(change: (engine: Engine) => void): EngineFactory {
  return (context) => {
    const engine = memoryEngine()(context);
    change(engine);
    return engine;
  };
}

function away(): MilepostError {
  return new MilepostError("store_unavailable", "the store is away");
}

/** Claims and finishes the next ticket. */
async function serve(t: TestCore): Promise<void> {
  const claimed = await t.core.queues.claim(t.service, "preview", { worker: "w" });
  const fence = claimed?.lease.fence ?? 0;
  await t.core.queues.finish(t.service, "preview", claimed?.id ?? "", { fence });
}

async function join(t: TestCore, count: number, prefix = "other"): Promise<void> {
  for (let i = 0; i < count; i++) {
    await t.core.queues.join(t.service, "preview", { user: `${prefix}${i}` });
  }
}

describe("positions", () => {
  test("[P-QUE-11] the first ten positions are pushed at every change, down to the person's own turn", async () => {
    await using t = testCore({ limits, queues: [preview] });
    await join(t, 3);
    const ada = t.user("ada");
    const socket = await connected(t, ada);
    await t.core.queues.join(ada, "preview", {});
    await t.clock.advance(200);
    expect(told(socket)).toEqual([4]);
    for (let i = 0; i < 3; i++) {
      await serve(t);
      await t.clock.advance(300);
    }
    expect(told(socket)).toEqual([3, 2, 1]);
    await serve(t);
    await t.clock.advance(300);
    expect(tickets(socket).map(({ status }) => status)).toEqual(["running", "finished"]);
  });

  test("[P-QUE-11] a person who is away when a service joins for it receives its position on connecting, and takes no memory before", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    engine.isShared = true;
    const options = { limits, clock, engine: engine.factory, queues: [preview] };
    await using one = testCore({ ...options, node: "one" });
    await using two = testCore({ ...options, node: "two" });
    await join(one, 2);
    await one.core.queues.join(one.service, "preview", { user: "ada" });
    await clock.advance(1_000);
    const { entries } = await one.core.channels.history(one.service, "user:ada", {
      since: "start",
    });
    expect(entries).toEqual([]);
    const socket = await connected(two, two.user("ada"));
    await clock.advance(1_000);
    expect(told(socket)).toEqual([3]);
  });

  test("[P-QUE-12] a person who connected before the node knew the queue is found, and keeps the ticket", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    engine.isShared = true;
    const options = { limits, clock, engine: engine.factory, queues: [preview] };
    await using one = testCore({ ...options, node: "one" });
    await clock.advance(3_000);
    const first = await connected(one, one.user("ada"));
    const { id } = await one.core.queues.join(one.user("ada"), "preview", {});
    await clock.advance(1_000);
    engine.losesSignal = () => true;
    await using two = testCore({ ...options, node: "two" });
    const second = await connected(two, two.user("ada"));
    first.drop();
    for (let i = 0; i < 40; i++) await clock.advance(10_000);
    second.take();
    expect(await one.core.queues.get(one.user("ada"), "preview", id)).toMatchObject({
      status: "waiting",
    });
  });

  test("[P-QUE-11] further positions are pushed when they have moved by a tenth, or after 30 s", async () => {
    await using t = testCore({ limits, queues: [preview] });
    await join(t, 99);
    const ada = t.user("ada");
    const socket = await connected(t, ada);
    await t.core.queues.join(ada, "preview", {});
    await t.clock.advance(200);
    expect(told(socket)).toEqual([100]);
    for (let i = 0; i < 9; i++) await serve(t);
    await t.clock.advance(1_000);
    expect(told(socket)).toEqual([]);
    await serve(t);
    await t.clock.advance(1_000);
    expect(told(socket)).toEqual([90]);
    await serve(t);
    await t.clock.advance(20_000);
    expect(told(socket)).toEqual([]);
    await t.clock.advance(12_000);
    expect(told(socket)).toEqual([89]);
    await t.clock.advance(60_000);
    expect(told(socket)).toEqual([]);
  });

  test("[P-QUE-11] a position that could not be told is told with the next look", async () => {
    let isDown = false;
    const engine = engineWith(({ log }) => {
      const append = log.append.bind(log);
      log.append = (channel, entry, policy) =>
        isDown && channel.startsWith("operation:")
          ? Promise.reject(away())
          : append(channel, entry, policy);
    });
    const rule = { ...preview, operation: { kind: "preview" } };
    await using t = testCore({ limits, queues: [rule], engine });
    const { queues, operations } = t.core;
    await join(t, 2);
    const people = [t.user("ada"), t.user("bob")];
    for (const person of people) {
      await connected(t, person);
      await queues.join(person, "preview", {});
    }
    await t.clock.advance(200);
    isDown = true;
    const first = await queues.own(t.user("other0"), "preview");
    const left = queues.leave(t.user("other0"), "preview", first?.id ?? "");
    await expect(left).rejects.toMatchObject({ code: "store_unavailable" });
    await t.clock.advance(300);
    isDown = false;
    await t.clock.advance(1_500);
    for (const [n, person] of people.entries()) {
      const ticket = await queues.own(person, "preview");
      const { operation } = await operations.get(person, ticket?.operation_id ?? "");
      expect(operation.waiting).toMatchObject({ position: n + 2 });
    }
  });

  test("[P-QUE-11] a person who leaves, and one ahead, move those behind, and pages of the studio can read it", async () => {
    await using t = testCore({ limits, queues: [preview] });
    const ada = await t.core.queues.join(t.user("ada"), "preview", {});
    const bob = t.user("bob");
    const socket = await connected(t, bob);
    await t.core.queues.join(bob, "preview", {});
    await t.clock.advance(200);
    const [first] = socket.take().filter(({ event }) => event === "queue:position");
    expect(first?.data).toMatchObject({
      position: 2,
      total: 2,
      estimatedWaitTime: null,
      estimated_wait_ms: null,
      queue: "preview",
    });
    await t.core.queues.leave(t.user("ada"), "preview", ada.id);
    await t.clock.advance(300);
    expect(told(socket)).toEqual([1]);
    const { snapshot } = await t.core.channels.snapshot(t.service, "user:bob");
    expect(snapshot?.state).toMatchObject({ queue: { position: 1, total: 1 } });
  });

  test("[P-QUE-11] the look-ups of a claim do not grow with the line", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    let looked = 0;
    await using t = testCore({
      limits,
      clock,
      queues: [preview],
      engine: (context) => {
        const made = engine.factory(context);
        const get = made.queues.get.bind(made.queues);
        made.queues.get = (queue, ids) => {
          looked += ids.length;
          return get(queue, ids);
        };
        return made;
      },
    });
    const cost = async (size: number) => {
      const people = Array.from({ length: size }, (_, i) => t.user(`p${size}-${i}`));
      for (const person of people) {
        t.connect({ principal: person });
        await t.core.queues.join(person, "preview", {});
      }
      await t.clock.advance(1_000);
      looked = 0;
      for (let i = 0; i < 20; i++) {
        await serve(t);
        await t.clock.advance(200);
      }
      return looked / 20;
    };
    const few = await cost(200);
    const many = await cost(1_600);
    // A tenth of the position is a logarithm of the line: eight times as many cost three doublings more.
    expect(many).toBeLessThan(few * 2.5);
  });
});

describe("people who are gone", () => {
  test("[P-QUE-12] a ticket leaves when its person was gone for longer than the grace, and a reload keeps it", async () => {
    await using t = testCore({ limits, queues: [preview] });
    await join(t, 1);
    const ada = t.user("ada");
    const socket = await connected(t, ada);
    const ticket = await t.core.queues.join(ada, "preview", {});
    await t.clock.advance(200);
    socket.drop();
    await t.clock.advance(50_000);
    const again = await connected(t, ada);
    await t.clock.advance(120_000);
    expect(await t.core.queues.get(ada, "preview", ticket.id)).toMatchObject({ status: "waiting" });
    again.drop();
    await t.clock.advance(58_000);
    expect(await t.core.queues.get(ada, "preview", ticket.id)).toMatchObject({ status: "waiting" });
    await t.clock.advance(5_000);
    expect(await t.core.queues.get(ada, "preview", ticket.id)).toMatchObject({ status: "gone" });
  });

  test("[P-QUE-12] a person whose look-up fails at the reconnect is looked up again, and keeps the ticket", async () => {
    let isDown = false;
    const engine = engineWith(({ queues: store }) => {
      const find = store.find.bind(store);
      store.find = (queue, owner) => {
        if (isDown) return Promise.reject(away());
        return find(queue, owner);
      };
    });
    await using t = testCore({ limits, queues: [preview], engine });
    await join(t, 1);
    const ada = t.user("ada");
    const socket = await connected(t, ada);
    const ticket = await t.core.queues.join(ada, "preview", {});
    await t.clock.advance(200);
    socket.drop();
    await t.clock.advance(1_000);
    isDown = true;
    await connected(t, ada);
    await t.clock.advance(3_000);
    expect(t.faults.length).toBeGreaterThan(0);
    isDown = false;
    await t.clock.advance(120_000);
    expect(await t.core.queues.get(ada, "preview", ticket.id)).toMatchObject({ status: "waiting" });
  });

  test("[P-QUE-12] a person who connects again keeps the ticket, however many queues there are", async () => {
    const rule = { ...preview, queue: "tenant:{tenant}" };
    await using t = testCore({ limits, queues: [rule] });
    for (let i = 0; i < 600; i++) {
      await t.core.queues.configure(t.service, `tenant:${1_000 + i}`, { capacity: 1 });
    }
    const ada = t.user("ada");
    const socket = await connected(t, ada);
    const names = ["tenant:1000", "tenant:1599"];
    for (const name of names) await t.core.queues.join(ada, name, {});
    await t.clock.advance(200);
    socket.drop();
    await t.clock.advance(1_000);
    await connected(t, ada);
    await t.clock.advance(200_000);
    for (const name of names) {
      expect(await t.core.queues.own(ada, name)).toMatchObject({ status: "waiting" });
    }
  });

  test("[P-QUE-12] a person who never connected does not count as gone", async () => {
    await using t = testCore({ limits, queues: [preview] });
    const { id } = await t.core.queues.join(t.service, "preview", { user: "ada" });
    await t.clock.advance(600_000);
    expect(await t.core.queues.get(t.service, "preview", id)).toMatchObject({ status: "waiting" });
  });

  test("[P-QUE-12] a person with a connection at another node is not gone, and receives its positions there", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    engine.isShared = true;
    const options = { limits, clock, engine: engine.factory, queues: [preview] };
    await using one = testCore({ ...options, node: "one" });
    await using two = testCore({ ...options, node: "two" });
    await clock.advance(3_000);
    const ada = one.user("ada");
    const here = await connected(one, ada);
    await connected(two, ada);
    await join(one, 1);
    // The worker and the join are at the second node, the page at both.
    const ticket = await two.core.queues.join(ada, "preview", {});
    await clock.advance(1_000);
    here.drop();
    await clock.advance(300_000);
    expect(await one.core.queues.get(ada, "preview", ticket.id)).toMatchObject({
      status: "waiting",
      position: 2,
    });
  });

  test("[P-QUE-11] a claim at one node updates the positions of people at another node", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    engine.isShared = true;
    const options = { limits, clock, engine: engine.factory, queues: [preview] };
    await using one = testCore({ ...options, node: "one" });
    await using two = testCore({ ...options, node: "two" });
    await clock.advance(3_000);
    const ada = one.user("ada");
    const socket = await connected(one, ada);
    await join(two, 2);
    await two.core.queues.join(ada, "preview", {});
    await clock.advance(1_000);
    expect(told(socket).at(-1)).toBe(3);
    await serve(two);
    await clock.advance(500);
    expect(told(socket)).toEqual([2]);
  });
});

describe("workers", () => {
  test("[P-QUE-13] a claim waits for a ticket, for room in the capacity, and ends at its time", async () => {
    await using t = testCore({ limits, queues: [preview] });
    const { queues } = t.core;
    const waiting = queues.claim(t.service, "preview", { worker: "w1" }, 25_000);
    await t.clock.advance(1_000);
    await queues.join(t.user("ada"), "preview", {});
    await t.clock.advance(10);
    const first = await waiting;
    expect(first).toMatchObject({ user_id: "ada" });
    await queues.join(t.user("bob"), "preview", {});
    const next = queues.claim(t.service, "preview", { worker: "w2" }, 25_000);
    await t.clock.advance(1_000);
    await queues.finish(t.service, "preview", first?.id ?? "", { fence: first?.lease.fence ?? 0 });
    await t.clock.advance(10);
    expect(await next).toMatchObject({ user_id: "bob" });
    const ended = queues.claim(t.service, "preview", { worker: "w3" }, 5_000);
    await t.clock.advance(5_100);
    expect(await ended).toBeUndefined();
    const controller = new AbortController();
    const given = queues.claim(t.service, "preview", { worker: "w3" }, 5_000, controller.signal);
    await t.clock.advance(10);
    controller.abort();
    expect(await given).toBeUndefined();
  });

  test("[P-QUE-13] a claim whose time ends while it is tried waits for the result, and one whose worker has gone gives it back", async () => {
    let release: (() => void) | undefined;
    let isHolding = false;
    const engine = engineWith(({ queues: store }) => {
      const claim = store.claim.bind(store);
      store.claim = async (queue, request) => {
        const result = await claim(queue, request);
        if (isHolding) {
          await new Promise<void>((resolve) => {
            release = resolve;
          });
        }
        return result;
      };
    });
    await using t = testCore({ limits, queues: [{ ...preview, maxAttempts: 1 }], engine });
    const { queues } = t.core;
    const controller = new AbortController();
    const gone = queues.claim(t.service, "preview", { worker: "w1" }, 5_000, controller.signal);
    await t.clock.advance(10);
    isHolding = true;
    const ada = await queues.join(t.user("ada"), "preview", {});
    await t.clock.advance(10);
    controller.abort();
    isHolding = false;
    release?.();
    expect(await gone).toBeUndefined();
    await t.clock.advance(10);
    expect(await queues.get(t.user("ada"), "preview", ada.id)).toMatchObject({
      status: "waiting",
      position: 1,
      attempt: 0,
    });
    await queues.leave(t.user("ada"), "preview", ada.id);
    const late = queues.claim(t.service, "preview", { worker: "w2" }, 5_000);
    await t.clock.advance(4_000);
    isHolding = true;
    const bob = await queues.join(t.user("bob"), "preview", {});
    await t.clock.advance(2_000);
    isHolding = false;
    release?.();
    await t.clock.advance(10);
    expect(await late).toMatchObject({ id: bob.id, attempt: 1 });
  });

  test("[P-QUE-14] the ticket of a dead worker returns to its old place, and the change is published to its person", async () => {
    await using t = testCore({ limits, queues: [preview] });
    const ada = t.user("ada");
    const socket = await connected(t, ada);
    const ticket = await t.core.queues.join(ada, "preview", {});
    await join(t, 2);
    await t.core.queues.claim(t.service, "preview", { worker: "w", lease_ms: 5_000 });
    await t.clock.advance(7_000);
    const last = tickets(socket).at(-1);
    expect(last).toMatchObject({ status: "waiting", position: 1, reason: "lease" });
    const again = await t.core.queues.claim(t.service, "preview", { worker: "w2" });
    expect(again).toMatchObject({ id: ticket.id, attempt: 2 });
  });

  test("[P-QUE-15] the wait is estimated from the queue's own service times, as a range", async () => {
    await using t = testCore({ limits, queues: [{ ...preview, capacity: 2 }] });
    const { queues } = t.core;
    for (let i = 0; i < 20; i++) {
      await queues.join(t.service, "preview", { user: `u${i}` });
      const claimed = await queues.claim(t.service, "preview", { worker: "w" });
      await t.clock.advance(10_000);
      const fence = claimed?.lease.fence ?? 0;
      await queues.finish(t.service, "preview", claimed?.id ?? "", { fence });
    }
    await join(t, 2, "busy");
    for (const worker of ["a", "b"]) await queues.claim(t.service, "preview", { worker });
    await join(t, 9);
    await t.clock.advance(3_000);
    const { estimated_wait: wait } = await queues.join(t.user("ada"), "preview", {});
    // Ten more tickets must be finished by two workers, 10 s each: about 50 s.
    expect(wait?.p50_ms).toBeGreaterThan(38_000);
    expect(wait?.p50_ms).toBeLessThan(62_000);
    expect(wait?.p90_ms).toBeGreaterThan(wait?.p50_ms ?? 0);
    expect(wait?.p90_ms).toBeLessThan(100_000);
  });

  test("[P-QUE-20] where estimated waits came out is counted for each queue, as in its figures", async () => {
    const meter = new RecordingMeter();
    const other: QueueRule = { ...preview, queue: "render" };
    await using t = testCore({ meter, limits, queues: [{ ...preview, capacity: 1 }, other] });
    const { queues } = t.core;
    const { normal } = randomOf(5);
    for (let i = 0; i < 120; i++) {
      await queues.join(t.service, "preview", { user: `u${i}` });
      // Three wait on average, so that most estimates are of a wait for others.
      if (i < 3) continue;
      const claimed = await queues.claim(t.service, "preview", {
        worker: "w",
        lease_ms: 3_600_000,
      });
      await t.clock.advance(10_000 * Math.exp(0.4 * normal()));
      const fence = claimed?.lease.fence ?? 0;
      await queues.finish(t.service, "preview", claimed?.id ?? "", { fence });
    }
    const { count, below_p50, below_p90 } = (await queues.view(t.service, "preview")).total
      .estimates;
    const counted = (outcome: string, queue = "preview") =>
      meter.count("milepost_queue_estimate_outcomes_total", { queue, outcome });
    expect(count).toBeGreaterThan(100);
    const below50 = counted("below_p50");
    const inside = counted("inside");
    expect(below50 + inside + counted("above_p90")).toBe(count);
    expect(below50 / count).toBeCloseTo(below_p50 ?? -1, 2);
    expect((below50 + inside) / count).toBeCloseTo(below_p90 ?? -1, 2);
    for (const outcome of ["below_p50", "inside", "above_p90"]) {
      expect(counted(outcome, "render")).toBe(0);
    }
  });
});
