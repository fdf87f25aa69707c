import { rollUpName } from "@milepost/engine";
import { FaultyEngine } from "@milepost/engine/testing";
import { parseCursor } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { permissionFor } from "../rules/permissions.ts";
import { RuleBook } from "../rules/rule-book.ts";
import { type Received, type TestCore, testCore } from "../testing/index.ts";

const retention = { maxEntries: 1_000, maxAgeMs: 3_600_000 };
const everyone = { subscribe: "authenticated", publish: "authenticated", retention } as const;
const rules = [
  { pattern: "board:{board}:secret:*", ...everyone, subscribe: "nobody" },
  { pattern: "board:{board}:*", ...everyone, rollUp: true, projection: { name: "latest" } },
  { pattern: "few:*", ...everyone, retention: { ...retention, maxEntries: 3 }, rollUp: true },
  { pattern: "flat:*", ...everyone },
] as const;

function open(t: TestCore, dialect: "json" | "plain" = "json", options = {}) {
  return t.connect({ principal: t.user("ada"), ...options }, dialect);
}

async function subscribe(t: TestCore, channel: string, rest: object = {}) {
  const socket = open(t);
  socket.send({ type: "subscribe", id: 1, channel, ...rest });
  await t.clock.settle();
  const messages = socket.take();
  const reply = messages.find(({ type }) => type === "reply") ?? {};
  return { socket, messages, result: reply.result as Received, error: reply.error as Received };
}

function events(messages: readonly Received[]): Received[] {
  return messages.filter(({ type }) => type === "event");
}

describe("roll-ups of everything below a prefix", () => {
  test("[P-WILD-2] a roll-up is one ordered channel whose events name both the roll-up and their source", async () => {
    await using t = testCore({ rules });
    const { socket, result } = await subscribe(t, "board:1:*");
    expect(result).toMatchObject({ channel: "board:1:*", recovered: false });
    expect(result).not.toHaveProperty("snapshot");
    await t.publish("board:1:a", "n", 1);
    await t.publish("board:2:a", "n", 2);
    await t.publish("board:1:b:c", "n", 3);
    await t.publish("board:1", "n", 4);
    await t.publish("board:1:a", "n", 5);
    await t.clock.settle();
    const got = events(socket.take());
    expect(got.map(({ channel, source, data }) => [channel, source, data])).toEqual([
      ["board:1:*", "board:1:a", 1],
      ["board:1:*", "board:1:b:c", 3],
      ["board:1:*", "board:1:a", 5],
    ]);
    expect(new Set(got.map(({ position }) => position)).size).toBe(3);
  });

  test("[P-WILD-2] a roll-up can be resumed from any of its positions, and its history names the sources", async () => {
    await using t = testCore({ rules });
    for (let n = 1; n <= 5; n++) await t.publish(`board:1:${n % 2}`, "n", n);
    const page = await t.core.channels.history(t.service, "board:1:*", { limit: 2 });
    expect(page.entries.map(({ source, data }) => [source, data])).toEqual([
      ["board:1:1", 1],
      ["board:1:0", 2],
    ]);
    const { messages, result } = await subscribe(t, "board:1:*", { since: page.position });
    expect(result).toMatchObject({ recovered: true });
    expect(events(messages).map(({ data }) => data)).toEqual([3, 4, 5]);
    expect(await t.core.channels.snapshot(t.service, "board:1:*")).toEqual({
      channel: "board:1:*",
      position: expect.any(String),
    });
  });

  test("[P-WILD-2] a roll-up resumed from a source channel's position reports a gap and delivers the entries still in its log", async () => {
    await using t = testCore({ rules });
    const { position } = await t.publish("board:1:a", "n", 1);
    const { messages, result } = await subscribe(t, "board:1:*", { since: position });
    expect(result).toMatchObject({ recovered: false, reason: "epoch_changed" });
    expect(messages.map(({ type }) => type)).toEqual(["welcome", "reply", "gap", "event"]);
  });

  test("[P-WILD-2] retention applies to a roll-up as a whole, and a resume from before the oldest kept entry is reported as trimmed", async () => {
    await using t = testCore({ rules });
    const before = await subscribe(t, "few:*");
    before.socket.drop();
    for (let n = 1; n <= 5; n++) await t.publish(`few:${n}`, "n", n);
    const at = before.result.position as string;
    const { messages, result } = await subscribe(t, "few:*", { since: at });
    expect(result).toMatchObject({ recovered: false, reason: "trimmed" });
    expect(events(messages).map(({ source }) => source)).toEqual(["few:3", "few:4", "few:5"]);
  });

  test("[P-WILD-2] in the plain dialect events of a roll-up name their source, and the roll-up can be resumed from the cursor", async () => {
    await using t = testCore({ rules });
    const first = open(t, "plain", { channels: ["board:1:*", "flat:x"] });
    await t.clock.settle();
    first.take();
    await t.publish("board:1:a", "n", 1);
    await t.publish("flat:x", "n", 2);
    await t.clock.settle();
    const [one, two] = first.take();
    expect(one).toMatchObject({ type: "n", channel: "board:1:*", source: "board:1:a", data: 1 });
    expect(two).not.toHaveProperty("source");
    await t.publish("board:1:b", "n", 3);
    const cursor = parseCursor(two?.event_id);
    if (!cursor.ok) throw new Error("it is no cursor");
    const second = open(t, "plain", { resume: cursor.value });
    await t.clock.settle();
    expect(second.take().find(({ type }) => type === "n")).toMatchObject({
      source: "board:1:b",
      data: 3,
    });
  });

  test("[P-WILD-2] an entry of a roll-up that the bus lost is read from the log before later entries are delivered", async () => {
    const engine = new FaultyEngine();
    await using t = testCore({ rules, engine: engine.factory });
    const { socket } = await subscribe(t, "board:1:*");
    engine.loses = ({ channel, json }) => channel === "board:1:*" && json === "2";
    for (let n = 1; n <= 3; n++) await t.publish(`board:1:${n}`, "n", n);
    await t.clock.settle();
    expect(events(socket.take()).map(({ data }) => data)).toEqual([1, 2, 3]);
  });

  test("[P-WILD-3] a publish that is repeated after a lost answer appears once in the roll-up", async () => {
    const engine = new FaultyEngine();
    await using t = testCore({ rules, engine: engine.factory });
    const { socket } = await subscribe(t, "board:1:*");
    engine.losesAnswer = () => true;
    await expect(t.publish("board:1:a", "n", 1, "k")).rejects.toMatchObject({
      code: "store_unavailable",
    });
    engine.losesAnswer = () => false;
    expect(await t.publish("board:1:a", "n", 1, "k")).toMatchObject({ duplicate: true });
    await t.clock.settle();
    expect(events(socket.take())).toHaveLength(1);
  });

  test("[P-WILD-6] a roll-up excludes channels that an earlier rule matches", async () => {
    await using t = testCore({ rules });
    const { socket } = await subscribe(t, "board:1:*");
    await t.publish("board:1:secret:x", "n", 1);
    await t.publish("board:1:open:x", "n", 2);
    await t.clock.settle();
    expect(events(socket.take()).map(({ data }) => data)).toEqual([2]);
  });

  test("[P-WILD-6] a roll-up includes channels of an earlier rule that names the roll-up; these channels keep that rule's retention", async () => {
    const own = {
      pattern: "board:{board}:doc:{doc}",
      ...everyone,
      rollUp: "board:{board}:*",
    } as const;
    const short = { ...own, retention: { maxEntries: 1, maxAgeMs: 1_000 } };
    await using t = testCore({ rules: [short, ...rules] });
    const { socket } = await subscribe(t, "board:1:*");
    for (const n of [1, 2]) await t.publish("board:1:doc:7", "n", n);
    await t.publish("board:1:other", "n", 3);
    await t.clock.settle();
    expect(events(socket.take()).map(({ source, data }) => [source, data])).toEqual([
      ["board:1:doc:7", 1],
      ["board:1:doc:7", 2],
      ["board:1:other", 3],
    ]);
    expect((await t.core.channels.history(t.service, "board:1:doc:7")).entries).toHaveLength(1);
    expect((await t.core.channels.history(t.service, "board:1:*")).entries).toHaveLength(3);
  });

  test("[P-SUB-6] subscriptions to a roll-up and to one of its channels are independent", async () => {
    await using t = testCore({ rules });
    const { socket } = await subscribe(t, "board:1:*");
    socket.send({ type: "subscribe", id: 2, channel: "board:1:a" });
    await t.clock.settle();
    socket.take();
    await t.publish("board:1:a", "n", 1);
    await t.clock.settle();
    const got = events(socket.take()).map(({ channel }) => channel);
    expect(got.sort()).toEqual(["board:1:*", "board:1:a"]);
    socket.send({ type: "unsubscribe", id: 3, channel: "board:1:*" });
    await t.clock.settle();
    socket.take();
    await t.publish("board:1:a", "n", 2);
    await t.clock.settle();
    expect(events(socket.take()).map(({ channel }) => channel)).toEqual(["board:1:a"]);
  });
});

describe("a name that ends in :*", () => {
  test.each([
    ["flat:*", /no rule rolls up/],
    ["flat:x:*", /no rule rolls up/],
    ["board:*", /no rule rolls up/],
    ["board:1:a:*", /as part of board:1:\* only/],
    ["few:x:y:*", /as part of few:\* only/],
    ["operation:*", /no rule rolls up/],
    ["gateway:*", /no rule rolls up/],
  ])(
    "[P-WILD-1] reading %s, which is not a roll-up, fails with invalid_channel and says why",
    async (channel, says) => {
      await using t = testCore({ rules });
      const { error } = await subscribe(t, channel);
      expect(error).toMatchObject({
        code: "invalid_channel",
        message: expect.stringMatching(says),
      });
      const refused = { code: "invalid_channel" };
      await expect(t.core.channels.history(t.service, channel)).rejects.toMatchObject(refused);
      await expect(t.core.channels.snapshot(t.service, channel)).rejects.toMatchObject(refused);
    },
  );

  test("[P-WILD-1] nobody may publish to a name that ends in :*, not even a service", async () => {
    await using t = testCore({ rules });
    const refused = { code: "invalid_channel", message: expect.stringContaining("for reading") };
    await expect(t.publish("board:1:*", "n", 1)).rejects.toMatchObject(refused);
    const socket = open(t);
    socket.send({ type: "publish", id: 1, channel: "board:1:*", event: "n", data: 1 });
    await t.clock.settle();
    expect(socket.take().at(-1)).toMatchObject({ type: "reply", id: 1, error: refused });
  });

  test("[P-WILD-1] the name of a roll-up is never longer than the names of its channels", () => {
    expect(rollUpName("collection:42:doc:7", 2)).toBe("collection:42:*");
    expect(rollUpName("collection:42:*", 2)).toBe("collection:42:*");
    expect(rollUpName("a:b", 1)).toBe("a:*");
  });

  test.each([
    [["board:1:*"], "allowed"],
    [["board:{b}:*"], "allowed"],
    [["board:*"], "allowed"],
    [["*"], "allowed"],
    [["board:1:docs", "board:1:{any}"], "refused"],
    [["board:1:a:*"], "refused"],
    [["board:2:*"], "refused"],
    [["{a}:{b}:{c}"], "refused"],
  ] as const)(
    "[P-WILD-4] a token that grants %j is %s a subscription to board:1:*",
    (subscribe, verdict) => {
      const book = new RuleBook([
        { pattern: "board:{board}:*", ...everyone, subscribe: "granted", rollUp: true },
      ]);
      const principal = {
        kind: "user",
        user: "ada",
        session: undefined,
        grants: { subscribe, publish: [] },
        expiresAt: undefined,
      } as const;
      expect(permissionFor(principal, book.of("board:1:*"), "subscribe")).toBe(verdict);
    },
  );

  test("[P-WILD-4] only the owner of a prefix such as user:ada may read a roll-up below that prefix", () => {
    const book = new RuleBook([
      { pattern: "user:{user}:feed:*", ...everyone, subscribe: "own-user", rollUp: true },
    ]);
    const resolved = book.of("user:ada:feed:*");
    const grants = { subscribe: [], publish: [] };
    const of = (user: string) =>
      ({ kind: "user", user, session: undefined, grants, expiresAt: undefined }) as const;
    expect(permissionFor(of("ada"), resolved, "subscribe")).toBe("allowed");
    expect(permissionFor(of("bob"), resolved, "subscribe")).toBe("refused");
  });

  test("[P-WILD-1] a rule whose pattern has no prefix, or no * at its end, cannot set rollUp", () => {
    for (const pattern of ["*", "board:{board}"]) {
      expect(() => new RuleBook([{ pattern, ...everyone, rollUp: true }])).toThrow(/rollUp needs/);
    }
  });

  test("[P-WILD-1] the default rules roll up the channels of each collection", async () => {
    await using t = testCore();
    await t.publish("collection:42:doc:7", "indexed", {});
    const { entries } = await t.core.channels.history(t.service, "collection:42:*");
    expect(entries).toMatchObject([{ source: "collection:42:doc:7", event: "indexed" }]);
  });

  test("[P-WILD-7] the default rules make the channel of a collection part of the collection's roll-up", async () => {
    await using t = testCore();
    await t.publish("collection:42:doc:7", "indexed", 1);
    await t.publish("collection:42", "renamed", 2);
    await t.publish("collection:43", "renamed", 3);
    const { entries } = await t.core.channels.history(t.service, "collection:42:*");
    expect(entries.map(({ source, data }) => [source, data])).toEqual([
      ["collection:42:doc:7", 1],
      ["collection:42", 2],
    ]);
    const own = await t.core.channels.history(t.service, "collection:42");
    expect(own.entries.map(({ data }) => data)).toEqual([2]);
  });

  test("[P-WILD-7] a rule for the channel of a prefix may add that channel to the roll-up", async () => {
    const prefix = { pattern: "board:{board}", ...everyone, rollUp: "board:{board}:*" } as const;
    await using t = testCore({ rules: [prefix, ...rules] });
    const { socket } = await subscribe(t, "board:1:*");
    await t.publish("board:1", "n", 1);
    await t.publish("board:1:a", "n", 2);
    await t.clock.settle();
    expect(events(socket.take()).map(({ source, data }) => [source, data])).toEqual([
      ["board:1", 1],
      ["board:1:a", 2],
    ]);
    expect(() => new RuleBook([{ ...prefix, pattern: "board" }, ...rules])).toThrow(/rollUp/);
  });

  test("[P-WILD-7] a user reads everything below its own user:{id} as user:{id}:*, and nobody else does", async () => {
    await using t = testCore();
    await t.publish("user:7:operation:9", "created", { operation_id: "9", kind: "index" });
    await t.publish("user:7:inbox", "mail", 1);
    await t.publish("user:7", "note", 2);
    const [own, other] = [
      t.connect({ principal: t.user("7") }),
      t.connect({ principal: t.user("8") }),
    ];
    const ask = { type: "subscribe", id: 1, channel: "user:7:*", since: "start" } as const;
    for (const socket of [own, other]) socket.send(ask);
    await t.clock.settle();
    expect(events(own.take()).map(({ source, event }) => [source, event])).toEqual([
      ["user:7:operation:9", "created"],
      ["user:7:inbox", "mail"],
    ]);
    expect(other.take().at(-1)).toMatchObject({ error: { code: "forbidden" } });
  });

  test("[P-WILD-7] every user reads all system channels as system:*, and a guest does not", async () => {
    await using t = testCore();
    await t.publish("system:maintenance", "planned", 1);
    await t.publish("system:alerts:disk", "full", 2);
    const user = t.connect({ principal: t.user("7") });
    const guest = t.connect({ principal: t.user(undefined, { guest: "g1" }) });
    const ask = { type: "subscribe", id: 1, channel: "system:*", since: "start" } as const;
    for (const socket of [user, guest]) socket.send(ask);
    await t.clock.settle();
    expect(events(user.take()).map(({ source, data }) => [source, data])).toEqual([
      ["system:maintenance", 1],
      ["system:alerts:disk", 2],
    ]);
    expect(guest.take().at(-1)).toMatchObject({ error: { code: "forbidden" } });
  });

  test.each([
    ["user:7:operation:9", 24 * 3_600_000],
    ["user:7:*", 24 * 3_600_000],
    ["collection:42", 3_600_000],
    ["collection:42:doc:1", 3_600_000],
    ["collection:42:*", 3_600_000],
    ["system:alerts", 300_000],
    ["system:*", 300_000],
  ])("[P-RULE-12] by default %s keeps its entries for %i ms", (channel, maxAgeMs) => {
    expect(new RuleBook([]).of(channel).policy).toMatchObject({ maxAgeMs });
  });
});
