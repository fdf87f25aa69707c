import { type Engine, type EngineContext, memoryEngine } from "@milepost/engine";
import { altered } from "@milepost/engine/testing";
import { formatPosition, MilepostError } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import {
  highRates,
  type Received,
  type TestCore,
  type TestSocket,
  testCore,
} from "../testing/index.ts";

const channel = "job:a";
const key = { channel, owner: "user:ada", name: "worker" };
const bounds = { maxPerChannel: 10, maxReplays: 10, keepMs: 3_600_000 };
const rule = {
  pattern: "job:*",
  subscribe: "granted",
  publish: "granted",
  retention: { maxEntries: 5, maxAgeMs: 3_600_000 },
  durable: { ackWaitMs: 10_000, maxAttempts: 2 },
} as const;
const unavailable = () => new MilepostError("store_unavailable", "not now");

/** A gate that calls wait at while it is closed. */
function gate() {
  let opened: Promise<void> = Promise.resolve();
  let open = () => {};
  return {
    close: () => {
      opened = new Promise((resolve) => {
        open = resolve;
      });
    },
    open: () => open(),
    passed: () => opened,
  };
}

/** A core whose engine is altered, and that engine as it is without the alterations. */
function core(alter: (whole: Engine) => Partial<Engine> = () => ({}), options: object = {}) {
  let whole: Engine | undefined;
  const engine = (context: EngineContext): Engine => {
    whole = memoryEngine()(context);
    return { ...whole, ...alter(whole) };
  };
  const t = testCore({ rules: [{ ...rule, ...options }], engine, limits: highRates });
  if (whole === undefined) throw new Error("the core has made its engine");
  return { t, whole: whole as Engine };
}

async function begin(t: TestCore, rest: object = {}): Promise<TestSocket> {
  const grants = { subscribe: ["job:*"], publish: [] };
  const socket = t.connect({ principal: t.user("ada", { grants }) });
  socket.send({ type: "subscribe", id: 1, channel, as: "worker", ...rest });
  await t.clock.settle();
  return socket;
}

async function publish(t: TestCore, data: number, event = "n"): Promise<string> {
  const { position } = await t.publish(channel, event, data);
  await t.clock.settle();
  return position;
}

async function say(t: TestCore, socket: TestSocket, message: object): Promise<void> {
  socket.send({ channel, ...message });
  await t.clock.settle();
}

/** Events since the last call, as `data`, or `data#attempt` when it was not the first. */
function events(socket: TestSocket, messages: readonly Received[] = socket.take()): string[] {
  return messages
    .filter(({ type }) => type === "event")
    .map(({ data, attempt }) => (attempt === undefined ? `${data}` : `${data}#${attempt}`));
}

async function deadLetters(t: TestCore) {
  const { letters } = await t.core.deadLetters.list(t.service, {});
  return letters.map(({ entry, reason, attempts }) => [entry.data, reason, attempts]);
}

describe("what a durable subscriber receives", () => {
  test("events that a durable subscriber does not name are neither delivered nor expected to be acknowledged", async () => {
    const { t } = core();
    await using _ = t;
    const socket = await begin(t, { events: ["n"] });
    await publish(t, 1, "other");
    const position = await publish(t, 2);
    await publish(t, 3, "other");
    expect(events(socket)).toEqual(["2"]);
    await say(t, socket, { type: "ack", position });
    await t.clock.advance(13_000);
    expect(events(socket)).toEqual([]);
  });

  test("a durable subscriber that starts at the beginning of a trimmed channel receives the reason trimmed", async () => {
    const { t } = core();
    await using _ = t;
    for (let n = 1; n <= 8; n++) await publish(t, n);
    const socket = await begin(t, { since: "start" });
    const messages = socket.take();
    const [answer] = messages.filter(({ type }) => type === "reply");
    expect(answer?.result).toMatchObject({ recovered: false, reason: "trimmed" });
    expect(events(socket, messages)).toEqual(["4", "5", "6", "7", "8"]);
    const whole = await begin(t, { channel: "job:b", since: "start" });
    const [other] = whole.take().filter(({ type }) => type === "reply");
    expect(other?.result).not.toHaveProperty("reason");
  });

  test("an entry that was acknowledged while its delivery was being saved is not sent", async () => {
    const saving = gate();
    const { t } = core(({ durable }) => ({
      durable: altered(durable, {
        save: async (...args: Parameters<typeof durable.save>) => {
          await saving.passed();
          return durable.save(...args);
        },
      }),
    }));
    await using _ = t;
    const socket = await begin(t);
    const position = await publish(t, 1);
    expect(events(socket)).toEqual(["1"]);
    saving.close();
    await t.clock.advance(12_100);
    await say(t, socket, { type: "ack", position });
    saving.open();
    await t.clock.settle();
    expect(events(socket)).toEqual([]);
    await t.clock.advance(20_000);
    expect(await deadLetters(t)).toEqual([]);
  });

  test("an entry with the offset of a lost entry is not delivered in its place", async () => {
    let lost = false;
    const { t } = core(({ log }) => ({
      log: altered(log, {
        read: async (...args: Parameters<typeof log.read>) => {
          const slice = await log.read(...args);
          if (!lost) return slice;
          const entries = slice.entries.map((entry) => ({
            ...entry,
            position: { ...entry.position, tag: "another" },
          }));
          return { ...slice, entries };
        },
      }),
    }));
    await using _ = t;
    const socket = await begin(t);
    await publish(t, 1);
    expect(events(socket)).toEqual(["1"]);
    lost = true;
    await t.clock.advance(12_100);
    expect(events(socket).filter((event) => event.startsWith("1"))).toEqual([]);
    lost = false;
    await t.clock.advance(1_000);
    expect((await deadLetters(t))[0]).toEqual([undefined, "trimmed", 1]);
  });
});

describe("a durable subscriber whose store fails for a moment", () => {
  function failingSaves() {
    let failures = 0;
    let isApplied = false;
    const made = core(({ durable }) => ({
      durable: altered(durable, {
        save: async (...args: Parameters<typeof durable.save>) => {
          if (failures > 0) {
            failures -= 1;
            if (isApplied) await durable.save(...args);
            throw unavailable();
          }
          return durable.save(...args);
        },
      }),
    }));
    return {
      ...made,
      fail: (count: number) => {
        failures = count;
      },
      loseAnswers: (count: number) => {
        failures = count;
        isApplied = true;
      },
    };
  }

  test("a delivery that could not be saved is sent a second later", async () => {
    const { t, fail } = failingSaves();
    await using _ = t;
    const socket = await begin(t);
    socket.take();
    fail(1);
    await publish(t, 1);
    expect(events(socket)).toEqual([]);
    await t.clock.advance(1_100);
    expect(events(socket)).toEqual(["1"]);
  });

  test("an ack that could not be saved is saved and answered by the next attempt", async () => {
    const { t, whole, fail } = failingSaves();
    await using _ = t;
    const socket = await begin(t);
    const position = await publish(t, 1);
    socket.take();
    fail(1);
    await say(t, socket, { type: "ack", id: 7, position });
    expect(socket.take()).toEqual([]);
    await t.clock.advance(1_100);
    expect(socket.take()).toMatchObject([{ type: "reply", id: 7, result: { position } }]);
    expect(await whole.durable.get(key)).toMatchObject({ pending: [] });
  });

  test("[G11] everything that changes after a save whose answer was lost is saved as well", async () => {
    const { t, whole, loseAnswers } = failingSaves();
    await using _ = t;
    const socket = await begin(t);
    const first = await publish(t, 1);
    const second = await publish(t, 2);
    socket.take();
    loseAnswers(1);
    await say(t, socket, { type: "ack", id: 7, position: first });
    expect(socket.take()).toEqual([]);
    await say(t, socket, { type: "ack", id: 8, position: second });
    expect(socket.take()).toMatchObject([
      { type: "reply", id: 7, result: { position: second } },
      { type: "reply", id: 8, result: { position: second } },
    ]);
    const third = await publish(t, 3);
    const state = await whole.durable.get(key);
    if (state === undefined) throw new Error("the store has the subscriber");
    expect(formatPosition(state.acked)).toBe(second);
    expect(state.pending.map(({ position }) => formatPosition(position))).toEqual([third]);
  });

  test("acks beyond 1,024 that wait to be saved are refused, to be sent again", async () => {
    const saving = gate();
    const { t } = core(({ durable }) => ({
      durable: altered(durable, {
        save: async (...args: Parameters<typeof durable.save>) => {
          await saving.passed();
          return durable.save(...args);
        },
      }),
    }));
    await using _ = t;
    const socket = await begin(t);
    const position = await publish(t, 1);
    socket.take();
    saving.close();
    await publish(t, 2);
    for (let id = 1; id <= 1_026; id++) socket.send({ type: "ack", id, channel, position });
    await t.clock.settle();
    const refused = socket.take().filter(({ error }) => error !== undefined);
    expect(refused).toMatchObject([
      { id: 1_025, error: { code: "rate_limited" } },
      { id: 1_026, error: { code: "rate_limited" } },
    ]);
    saving.open();
    await t.clock.settle();
    expect(socket.take().filter(({ type }) => type === "reply")).toHaveLength(1_024);
  });
});

describe("the dead letters of a durable subscriber", () => {
  function heldLetters(methods: readonly ("put" | "get")[]) {
    const held = gate();
    const made = core(({ deadLetters: store }) => ({
      deadLetters: altered(store, {
        ...(methods.includes("put") && {
          put: async (...args: Parameters<typeof store.put>) => {
            await held.passed();
            return store.put(...args);
          },
        }),
        ...(methods.includes("get") && {
          get: async (id: string) => {
            const found = await store.get(id);
            await held.passed();
            return found;
          },
        }),
      }),
    }));
    return { ...made, held };
  }

  test("an entry that is acknowledged while its dead letter is written leaves no dead letter", async () => {
    const { t, held } = heldLetters(["put"]);
    await using _ = t;
    const socket = await begin(t);
    const position = await publish(t, 1);
    await t.clock.advance(12_100);
    held.close();
    await t.clock.advance(24_100);
    await say(t, socket, { type: "ack", position });
    held.open();
    await t.clock.settle();
    expect(await deadLetters(t)).toEqual([]);
  });

  /** Makes a dead letter of one entry; resolves with its id. */
  async function giveUp(t: TestCore, socket: TestSocket): Promise<string> {
    await publish(t, 1);
    for (let n = 0; n < 3; n++) {
      await t.clock.advance(20_000);
      socket.pong();
    }
    const { letters } = await t.core.deadLetters.list(t.service, {});
    return letters[0]?.id ?? "none";
  }

  test("a replay that is acknowledged while its last attempt is abandoned leaves no dead letter", async () => {
    const { t, held } = heldLetters(["get"]);
    await using _ = t;
    const socket = await begin(t);
    const id = await giveUp(t, socket);
    socket.take();
    await t.core.deadLetters.replay(t.service, id);
    await t.clock.advance(12_100);
    const again = socket.take().filter(({ type }) => type === "event");
    expect(events(socket, again)).toEqual(["1#3", "1#4"]);
    held.close();
    await t.clock.advance(24_100);
    await say(t, socket, { type: "ack", position: again[0]?.position });
    held.open();
    await t.clock.settle();
    expect(await deadLetters(t)).toEqual([]);
  });

  test("a replay that nobody acknowledges adds its attempts to those of the dead letter", async () => {
    const { t } = core();
    await using _ = t;
    const socket = await begin(t);
    const id = await giveUp(t, socket);
    await t.core.deadLetters.replay(t.service, id);
    for (let n = 0; n < 3; n++) {
      await t.clock.advance(20_000);
      socket.pong();
    }
    expect(await deadLetters(t)).toEqual([[1, "not_acknowledged", 4]]);
  });

  test("a dead letter whose replay was acknowledged is removed even if the store fails at first", async () => {
    let failures = 0;
    const { t } = core(({ deadLetters: store }) => ({
      deadLetters: altered(store, {
        remove: async (id: string) => {
          if (failures > 0) {
            failures -= 1;
            throw unavailable();
          }
          return store.remove(id);
        },
      }),
    }));
    await using _ = t;
    const socket = await begin(t);
    const id = await giveUp(t, socket);
    expect(await deadLetters(t)).toEqual([[1, "not_acknowledged", 2]]);
    socket.take();
    await t.core.deadLetters.replay(t.service, id);
    await t.clock.settle();
    const [again] = socket.take().filter(({ type }) => type === "event");
    failures = 1;
    await say(t, socket, { type: "ack", position: again?.position });
    expect(await deadLetters(t)).toHaveLength(1);
    await t.clock.advance(1_100);
    expect(await deadLetters(t)).toEqual([]);
  });
});

describe("a durable subscriber that was taken over", () => {
  test("a holder whose durable subscriber was taken over notices it within 31 s, without any signal", async () => {
    const { t, whole } = core();
    await using _ = t;
    const socket = await begin(t);
    socket.take();
    await whole.durable.claim(key, { epoch: "e", offset: 0, tag: "0" }, bounds);
    await t.clock.advance(20_000);
    socket.pong();
    await t.clock.advance(11_000);
    expect(socket.take()).toMatchObject([{ type: "unsubscribed", reason: "taken_over" }]);
  });

  test("a holder that has left receives no message when its durable subscriber is taken over", async () => {
    const { t, whole } = core();
    await using _ = t;
    const socket = await begin(t);
    const position = await publish(t, 1);
    await whole.durable.claim(key, { epoch: "e", offset: 0, tag: "0" }, bounds);
    socket.take();
    socket.send({ type: "ack", channel, position });
    await say(t, socket, { type: "unsubscribe", id: 9 });
    expect(socket.take().map(({ type, id }) => [type, id])).toEqual([["reply", 9]]);
  });
});
