import { type EngineFactory, memoryEngine } from "@milepost/engine";
import { ManualClock, SeededRandom, SharedEngine } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import type { ServicePrincipal } from "../rules/principal.ts";
import { ServiceScopes } from "../rules/service-scopes.ts";
import { RecordingMeter, RecordingSender, type TestCore, testCore } from "../testing/index.ts";
import type { ReachRules } from "./reach-api.ts";

const operation = { kind: "index", title: "Index", operation_id: "9", user_id: "ada" };
const keys = { p256dh: "key", auth: "auth" };
const browser = "https://push.example/ada";
const hook = "https://hooks.example/in";
const minuteMs = 60_000;

/** Node that reaches users who are away, and what it sends. */
function reaching(options: Parameters<typeof testCore>[0] = {}) {
  const sender = new RecordingSender();
  const t = testCore({ reach: sender, ...options });
  return {
    t,
    sender,
    subscribe: (rules: ReachRules = {}, endpoint = browser) =>
      t.core.reaching.addPush(t.user("ada"), "ada", { subscription: { endpoint, keys }, rules }),
    [Symbol.asyncDispose]: () => t[Symbol.asyncDispose](),
  };
}

/** Creates an operation, reports events, and lets what is due be sent. */
async function run(t: TestCore, events: readonly object[], input: object = operation) {
  const { lease, operation: created } = await t.core.operations.create(t.service, input as never);
  await report(t, created.id, lease.token, events);
  return lease.token;
}

async function report(t: TestCore, id: string, lease: string, events: readonly object[]) {
  await t.core.operations.report(t.service, id, { lease, events: events as never });
  await t.clock.advance(5_000);
}

const started = { event: "started", data: {} };
const done = [started, { event: "done", data: {} }];
const failed = [
  started,
  { event: "failed", data: { error: { code: "broken", message: "no disk", retryable: true } } },
];

describe("a user who is away", () => {
  test("[P-REACH-1] a user who is away gets one message about the end of an operation through each browser and webhook", async () => {
    await using r = reaching();
    await r.subscribe();
    await r.subscribe({}, "https://push.example/phone");
    await r.t.core.reaching.addWebhook(r.t.service, { url: hook });
    await run(r.t, done);
    expect(r.sender.take().map(({ to }) => to)).toEqual(
      expect.arrayContaining([browser, "https://push.example/phone", hook]),
    );
    await r.t.clock.advance(20 * minuteMs);
    expect(r.sender.take()).toEqual([]);
  });

  test("[P-REACH-1] a browser receives what happened, and a webhook a CloudEvent of it", async () => {
    await using r = reaching();
    await r.subscribe();
    await r.t.core.reaching.addWebhook(r.t.service, { url: hook });
    await run(r.t, failed);
    const sent = new Map(r.sender.take().map(({ to, message }) => [to, message]));
    expect(sent.get(browser)).toMatchObject({
      id: "failed:9:1",
      kind: "failed",
      title: "Index",
      message: "no disk",
      operation_id: "9",
      operation_kind: "index",
    });
    expect(sent.get(hook)).toMatchObject({
      specversion: "1.0",
      id: "failed:9:1",
      source: "milepost",
      type: "milepost.operation.failed",
      subject: "operation:9",
      datacontenttype: "application/json",
      data: {
        user_id: "ada",
        title: "Index",
        message: "no disk",
        operation: { id: "9", kind: "index", status: "failed", attempt: 1 },
      },
    });
    expect(sent.get(hook)?.time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  test("[P-REACH-1] a lost operation is sent to its user as failed, and a cancelled one is not sent", async () => {
    await using r = reaching();
    await r.subscribe();
    await run(r.t, [started, { event: "cancelled", data: {} }]);
    await run(r.t, [started], { ...operation, operation_id: "10", lease_ms: 5_000 });
    await r.t.clock.advance(5 * minuteMs);
    expect(r.sender.take()).toMatchObject([{ message: { kind: "failed", operation_id: "10" } }]);
  });

  test("[P-REACH-3] the end of a retry is sent as a thing of its own", async () => {
    await using r = reaching();
    await r.subscribe();
    const lease = await run(r.t, failed);
    await report(r.t, "9", lease, [{ event: "started", data: { attempt: 2 } }]);
    await report(r.t, "9", lease, [{ event: "done", data: {} }]);
    const ids = r.sender.take().map(({ message }) => message.id);
    expect(ids).toEqual(["failed:9:1", "done:9:2"]);
  });

  test("[P-REACH-4] a target gets messages only of the kinds that its rules ask for", async () => {
    await using r = reaching();
    await r.subscribe({ done: false });
    await r.t.core.reaching.addWebhook(r.t.service, {
      url: hook,
      rules: { failed: false },
      users: ["ada"],
    });
    await r.t.core.reaching.addWebhook(r.t.service, { url: `${hook}/bob`, users: ["bob"] });
    await run(r.t, done);
    expect(r.sender.take()).toMatchObject([{ to: hook, message: { id: "done:9:1" } }]);
    await run(r.t, failed, { ...operation, operation_id: "10" });
    expect(r.sender.take()).toMatchObject([{ to: browser, message: { id: "failed:10:1" } }]);
  });

  test("[P-REACH-5] a target gets one message about an operation that runs longer than its slower_than_ms", async () => {
    await using r = reaching();
    await r.subscribe({ slower_than_ms: 10 * minuteMs });
    const lease = await run(r.t, [started], { ...operation, lease_ms: 600_000 });
    const beat = () => report(r.t, "9", lease, []);
    for (let minute = 0; minute < 9; minute += 3) {
      await r.t.clock.advance(3 * minuteMs);
      await beat();
    }
    expect(r.sender.take()).toEqual([]);
    await r.t.clock.advance(1.5 * minuteMs);
    expect(r.sender.take()).toMatchObject([{ message: { kind: "slow", id: "slow:9:1" } }]);
    for (let n = 0; n < 5; n++) {
      await beat();
      await r.t.clock.advance(4 * minuteMs);
    }
    expect(r.sender.take()).toEqual([]);
  });

  test("[P-REACH-5] an operation that waits for its turn is not slow", async () => {
    await using r = reaching();
    await r.subscribe({ slower_than_ms: minuteMs });
    const lease = await run(r.t, [], { ...operation, lease_ms: 600_000 });
    await r.t.clock.advance(5 * minuteMs);
    await report(r.t, "9", lease, []);
    expect(r.sender.take()).toEqual([]);
  });
});

describe("a user who is there", () => {
  test("[P-REACH-2] while a page is visible, only webhooks with when: always are called", async () => {
    const meter = new RecordingMeter();
    await using r = reaching({ meter });
    await r.subscribe();
    await r.t.core.reaching.addWebhook(r.t.service, { url: hook });
    await r.t.core.reaching.addWebhook(r.t.service, { url: `${hook}/all`, when: "always" });
    const page = r.t.connect({ principal: r.t.user("ada") });
    await r.t.clock.advance(1_000);
    await run(r.t, done);
    expect(r.sender.take()).toMatchObject([{ to: `${hook}/all` }]);
    expect(meter.count("milepost_reach_skipped_total")).toBe(1);
    page.drop();
    await r.t.clock.advance(10 * minuteMs);
    // The user has seen it.
    expect(r.sender.take()).toEqual([]);
    await run(r.t, done, { ...operation, operation_id: "10" });
    expect(r.sender.take()).toHaveLength(3);
  });

  test("[P-REACH-2] a further attempt sends nothing if a page has become visible since the first", async () => {
    await using r = reaching();
    await r.subscribe();
    r.sender.answer = () => ({ kind: "later", reason: "answered 503" });
    await run(r.t, done);
    expect(r.sender.take()).toHaveLength(1);
    r.t.connect({ principal: r.t.user("ada") });
    await r.t.clock.advance(10 * minuteMs);
    expect(r.sender.take()).toEqual([]);
  });
});

describe("an item of the inbox", () => {
  const question = {
    id: "q1",
    kind: "question",
    data: { prompt: "Deploy?", title: "Release", operation_id: "9" },
  } as const;
  const ada = { users: ["ada"] };

  test("[P-REACH-1] a question is sent once to each target, to a browser and as a CloudEvent, with its prompt", async () => {
    await using r = reaching();
    await r.subscribe();
    await r.t.core.reaching.addWebhook(r.t.service, { url: hook });
    for (let n = 0; n < 3; n++) await r.t.core.inbox.put(ada, question);
    await r.t.clock.advance(5_000);
    const sent = new Map(r.sender.take().map(({ to, message }) => [to, message]));
    expect(sent.size).toBe(2);
    expect(sent.get(browser)).toMatchObject({
      kind: "question",
      title: "Release",
      message: "Deploy?",
      operation_id: "9",
      question_id: "q1",
      item_id: "q1",
    });
    expect(sent.get(hook)).toMatchObject({
      type: "milepost.question.asked",
      subject: "operation:9",
      data: { user_id: "ada", question: "q1", message: "Deploy?" },
    });
  });

  test("[P-REACH-1] the text of a private question stays in the inbox", async () => {
    await using r = reaching();
    await r.subscribe();
    const data = { ...question.data, private: true };
    await r.t.core.inbox.put(ada, { ...question, data });
    await r.t.clock.advance(5_000);
    const told = r.sender.take();
    expect(told).toHaveLength(1);
    expect(JSON.stringify(told)).not.toContain("Deploy?");
  });

  test("[P-REACH-2] a question is sent after its user has left, and not after it was answered", async () => {
    await using r = reaching();
    await r.subscribe();
    const page = r.t.connect({ principal: r.t.user("ada") });
    await r.t.clock.advance(1_000);
    await r.t.core.inbox.put(ada, question);
    await r.t.core.inbox.put(ada, { ...question, id: "q2" });
    await r.t.clock.advance(10_000);
    expect(r.sender.take()).toEqual([]);
    await r.t.core.inbox.close(ada, "q2", "answered");
    page.drop();
    await r.t.clock.advance(40_000);
    expect(r.sender.take()).toMatchObject([{ message: { question_id: "q1" } }]);
    await r.t.clock.advance(10 * minuteMs);
    expect(r.sender.take()).toEqual([]);
  });

  test("[P-REACH-2] an item that was read, answered or snoozed before its message went out is not sent", async () => {
    await using r = reaching();
    await r.subscribe({ notification: true });
    const { inbox } = r.t.core;
    const user = r.t.user("ada");
    const note = { kind: "notification", data: { message: "Backup done" } } as const;
    for (const id of ["n1", "n2"]) await inbox.put(ada, { ...note, id });
    for (const id of ["q1", "q2"]) await inbox.put(ada, { ...question, id });
    await inbox.read(user, "ada", ["n1"]);
    await inbox.close(ada, "q1", "answered");
    await inbox.snooze(user, "ada", ["q2"], { for_ms: 10 * minuteMs });
    await r.t.clock.advance(5_000);
    expect(r.sender.take()).toMatchObject([{ message: { item_id: "n2", message: "Backup done" } }]);
    for (let n = 0; n < 70; n++) await r.t.clock.advance(10_000);
    // The question has come back from its snooze.
    expect(r.sender.take()).toMatchObject([{ message: { question_id: "q2" } }]);
  });
});

describe("a target that cannot be reached", () => {
  test("[P-REACH-7] a target that cannot be reached is tried again, with longer waits, until it answers", async () => {
    const meter = new RecordingMeter();
    await using r = reaching({ meter });
    await r.subscribe();
    const at: number[] = [];
    r.sender.answer = () => {
      at.push(r.t.clock.now());
      return at.length < 5 ? { kind: "later", reason: "answered 503" } : { kind: "sent" };
    };
    await run(r.t, done);
    for (let n = 0; n < 60; n++) await r.t.clock.advance(10_000);
    expect(at).toHaveLength(5);
    const waits = at.slice(1).map((time, n) => time - (at[n] ?? 0));
    for (const [n, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(5_000 * 2 ** n);
      expect(wait).toBeLessThan(5_000 * 2 ** n * 1.2 + 2_100);
    }
    expect(meter.count("milepost_reach_attempts_total", { way: "push", outcome: "later" })).toBe(4);
    expect(meter.count("milepost_reach_attempts_total", { way: "push", outcome: "sent" })).toBe(1);
  });

  test("[P-REACH-7] a message that reached no target for a day becomes a dead letter that can be replayed", async () => {
    await using r = reaching();
    await r.t.core.reaching.addWebhook(r.t.service, { url: hook });
    r.sender.answer = () => ({ kind: "later", reason: "answered 503" });
    await run(r.t, done);
    for (let hour = 0; hour < 27; hour++) await r.t.clock.advance(60 * minuteMs);
    const tries = r.sender.take().length;
    expect(tries).toBeGreaterThan(20);
    const { letters } = await r.t.core.deadLetters.list(r.t.service, {});
    expect(letters).toMatchObject([
      { channel: "user:ada", reason: "not_reached: answered 503", attempts: tries },
    ]);
    await r.t.clock.advance(5 * 60 * minuteMs);
    expect(r.sender.take()).toEqual([]);

    r.sender.answer = () => ({ kind: "sent" });
    const id = letters[0]?.id ?? "";
    expect(await r.t.core.deadLetters.replay(r.t.service, id)).toEqual({ id, to: "target" });
    await r.t.clock.advance(2_000);
    expect(r.sender.take()).toMatchObject([{ to: hook, message: { id: "done:9:1" } }]);
    expect((await r.t.core.deadLetters.list(r.t.service, {})).letters).toEqual([]);
  });

  test("[P-REACH-7] a message that its target refuses becomes a dead letter at once", async () => {
    await using r = reaching();
    await r.subscribe();
    r.sender.answer = () => ({ kind: "refused", reason: "answered 400" });
    await run(r.t, done);
    await r.t.clock.advance(60 * minuteMs);
    expect(r.sender.take()).toHaveLength(1);
    const { letters } = await r.t.core.deadLetters.list(r.t.service, {});
    expect(letters).toMatchObject([{ reason: "not_reached: answered 400", attempts: 1 }]);
  });

  test("[P-REACH-7] a target that answers that it is gone is removed", async () => {
    await using r = reaching();
    await r.subscribe();
    r.sender.answer = () => ({ kind: "gone" });
    await run(r.t, done);
    expect(await r.t.core.reaching.listPush(r.t.user("ada"), "ada")).toEqual([]);
    await run(r.t, done, { ...operation, operation_id: "10" });
    expect(r.sender.take()).toHaveLength(1);
    expect((await r.t.core.deadLetters.list(r.t.service, {})).letters).toEqual([]);
  });

  test("[P-REACH-7] a target that hangs keeps no other target waiting", async () => {
    await using r = reaching();
    await r.subscribe();
    await r.t.core.reaching.addWebhook(r.t.service, { url: hook });
    let answer: (outcome: { kind: "sent" }) => void = () => {};
    const late = new Promise<{ kind: "sent" }>((resolve) => {
      answer = resolve;
    });
    r.sender.answer = (to) => (to === browser ? late : { kind: "sent" });
    await run(r.t, done);
    expect(r.sender.take().map(({ to }) => to)).toEqual(expect.arrayContaining([browser, hook]));
    await run(r.t, done, { ...operation, operation_id: "10" });
    expect(r.sender.take()).toHaveLength(2);
    answer({ kind: "sent" });
  });
});

describe("attempts", () => {
  test("[P-REACH-7] looks at a user with a visible page are no failed attempts, so an error is retried soon", async () => {
    await using r = reaching();
    await r.subscribe();
    const page = r.t.connect({ principal: r.t.user("ada") });
    await r.t.core.inbox.put(
      { users: ["ada"] },
      { id: "q1", kind: "question", data: { prompt: "Deploy?" } },
    );
    for (let n = 0; n < 60; n++) {
      await r.t.clock.advance(10_000);
      page.send({ type: "request", id: n + 1, method: "gateway.store" });
    }
    expect(r.sender.take()).toEqual([]);
    let tries = 0;
    r.sender.answer = () => {
      tries++;
      return tries === 1 ? { kind: "later", reason: "answered 503" } : { kind: "sent" };
    };
    page.drop();
    for (let n = 0; n < 6; n++) await r.t.clock.advance(10_000);
    expect(tries).toBe(2);
  });

  test("[P-REACH-7] a target that is busy is tried again when it says, and is not called failing", async () => {
    await using r = reaching();
    await r.subscribe();
    const at: number[] = [];
    r.sender.answer = () => {
      at.push(r.t.clock.now());
      if (at.length > 6) return { kind: "sent" };
      return { kind: "later", reason: "too many attempts", afterMs: 1_000, isUntried: true };
    };
    await run(r.t, done);
    for (let n = 0; n < 20; n++) await r.t.clock.advance(1_000);
    expect(at).toHaveLength(7);
  });
});

describe("several nodes", () => {
  test("[P-REACH-6] several nodes send one message about a thing, also when the node that noticed it dies", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    engine.isShared = true;
    const sender = new RecordingSender();
    const mortal = engine.mortal();
    const node = (name: string, factory = engine.factory) =>
      testCore({ clock, node: name, engine: factory, reach: sender });
    await using b = node("b");
    await using c = node("c");
    await using a = node("a", mortal.factory);
    await b.core.reaching.addPush(b.user("ada"), "ada", {
      subscription: { endpoint: browser, keys },
    });
    const { lease } = await a.core.operations.create(a.service, operation);
    await a.core.operations.report(a.service, "9", {
      lease: lease.token,
      events: [{ event: "started", data: {} }],
    });
    mortal.die();
    for (let n = 0; n < 33; n++) await clock.advance(10_000);
    expect(sender.take()).toMatchObject([{ message: { id: "failed:9:1" } }]);
    await c.core.operations.create(c.service, { ...operation, operation_id: "10" });
    expect(sender.take()).toEqual([]);
  });

  test("[P-REACH-6] the end of an operation whose delivery was lost is found by the next check of the operation", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    const sender = new RecordingSender();
    await using noting = testCore({ clock, engine: engine.factory, reach: sender });
    // This node has nothing to reach anybody with, so it notes nothing.
    await using silent = testCore({ clock, engine: engine.factory, node: "silent" });
    await noting.core.reaching.addPush(noting.user("ada"), "ada", {
      subscription: { endpoint: browser, keys },
    });
    const { lease } = await noting.core.operations.create(noting.service, operation);
    await silent.core.operations.report(silent.service, "9", {
      lease: lease.token,
      events: done as never,
    });
    await clock.advance(30_000);
    expect(sender.take()).toEqual([]);
    await clock.advance(40_000);
    expect(sender.take()).toMatchObject([{ message: { id: "done:9:1" } }]);
  });
});

describe("targets", () => {
  const scoped = (...scopes: string[]): ServicePrincipal => {
    const read = ServiceScopes.read(scopes);
    if (typeof read === "string") throw new Error(read);
    return { kind: "service", name: scopes.join(), scopes: read };
  };

  test("[P-REACH-8] a user adds, sees and removes only its own push subscriptions; their keys are never shown", async () => {
    await using r = reaching();
    const { reaching: reach } = r.t.core;
    const added = await r.subscribe({ done: false });
    expect(added).toMatchObject({ endpoint: browser, rules: { done: false } });
    expect(await reach.listPush(r.t.user("ada"), "ada")).toEqual([added]);
    expect(JSON.stringify(added)).not.toContain("p256dh");
    for (const other of [r.t.user("bob"), r.t.user(undefined, { session: "ada" })]) {
      const code = "forbidden";
      await expect(reach.listPush(other, "ada")).rejects.toMatchObject({ code });
      await expect(reach.removePush(other, "ada", added.id)).rejects.toMatchObject({ code });
      await expect(
        reach.addPush(other, "ada", { subscription: { endpoint: browser, keys } }),
      ).rejects.toMatchObject({ code });
    }
    expect(await reach.listPush(r.t.user("bob"), "bob")).toEqual([]);
    await reach.removePush(r.t.user("ada"), "ada", added.id);
    await expect(reach.removePush(r.t.user("ada"), "ada", added.id)).rejects.toMatchObject({
      code: "not_found",
    });
  });

  test("[P-REACH-8] a browser that subscribes again replaces its subscription", async () => {
    await using r = reaching();
    const first = await r.subscribe();
    const again = await r.subscribe({ notification: true });
    expect(again.id).toBe(first.id);
    expect(await r.t.core.reaching.listPush(r.t.user("ada"), "ada")).toEqual([again]);
  });

  test("[P-REACH-9] webhooks need a scope of their own; a key sees and removes those that it added", async () => {
    await using r = reaching();
    const { reaching: reach } = r.t.core;
    const mine = scoped("webhooks");
    const { id, secret } = await reach.addWebhook(mine, { url: hook });
    expect(secret).toBe(`secret of ${id}`);
    expect(await reach.listWebhooks(mine)).toMatchObject([{ id, url: hook, when: "away" }]);
    expect(JSON.stringify(await reach.listWebhooks(mine))).not.toContain("secret of");
    expect(await reach.listWebhooks(scoped("webhooks", "push"))).toEqual([]);
    expect(await reach.listWebhooks(r.t.service)).toHaveLength(1);
    await expect(reach.removeWebhook(scoped("webhooks", "push"), id)).rejects.toMatchObject({
      code: "not_found",
    });
    for (const other of [r.t.user("ada"), scoped("operations", "push", "publish")]) {
      const code = "forbidden";
      await expect(reach.addWebhook(other, { url: hook })).rejects.toMatchObject({ code });
      await expect(reach.listWebhooks(other)).rejects.toMatchObject({ code });
      await expect(reach.removeWebhook(other, id)).rejects.toMatchObject({ code });
    }
    await expect(reach.listPush(mine, "ada")).rejects.toMatchObject({ code: "forbidden" });
    await reach.removeWebhook(mine, id);
    expect(await reach.listWebhooks(r.t.service)).toEqual([]);
  });

  test("[P-REACH-13] a key sees and retries the waiting messages to its own webhooks; a key with inspect, all of them", async () => {
    await using r = reaching();
    const { reaching: reach } = r.t.core;
    const [mine, other] = [scoped("webhooks"), scoped("webhooks", "push")];
    const { id: own } = await reach.addWebhook(mine, { url: hook });
    await r.subscribe();
    r.sender.answer = () => ({ kind: "later", reason: "answered 503" });
    await run(r.t, done);
    const targets = async (key: ServicePrincipal) =>
      (await reach.deliveries(key)).deliveries.map(({ to, target }) => [to, target]);
    expect(await targets(mine)).toEqual([["webhook", own]]);
    expect(await targets(other)).toEqual([]);
    for (const key of [r.t.service, scoped("webhooks", "inspect")]) {
      expect((await targets(key)).map(([to]) => to).sort()).toEqual(["push", "webhook"]);
    }
    const waiting = (await reach.deliveries(r.t.service)).deliveries;
    const idOf = (to: string) => waiting.find((one) => one.to === to)?.id ?? "";
    const code = "not_found";
    await expect(reach.retry(other, idOf("webhook"))).rejects.toMatchObject({ code });
    await expect(reach.retry(mine, idOf("push"))).rejects.toMatchObject({ code });
    await reach.retry(mine, idOf("webhook"));
    await reach.retry(r.t.service, idOf("push"));
    for (const key of [r.t.user("ada"), scoped("inspect")]) {
      await expect(reach.deliveries(key)).rejects.toMatchObject({ code: "forbidden" });
      await expect(reach.retry(key, idOf("push"))).rejects.toMatchObject({ code: "forbidden" });
    }
  });

  test("[P-REACH-13] a key finds the waiting messages to its own webhooks behind any number of others", async () => {
    const [clock, random] = [new ManualClock(), new SeededRandom()];
    const { deliveries } = memoryEngine()({ clock, random });
    const engine: EngineFactory = (context) => ({ ...memoryEngine()(context), deliveries });
    await using r = reaching({ clock, random, engine });
    const { reaching: reach } = r.t.core;
    const mine = scoped("webhooks");
    const { id: own } = await reach.addWebhook(mine, { url: hook });
    r.sender.answer = () => ({ kind: "later", reason: "answered 503" });
    await run(r.t, done);
    const bounds = { maxWaiting: 10_000, keepMs: 86_400_000 };
    const other = JSON.stringify({ do: "watch", operation: "8", attempt: 1 });
    for (let n = 0; n < 4_500; n++) await deliveries.add(`other-${n}`, other, 1, bounds);
    const { deliveries: found } = await reach.deliveries(mine);
    expect(found.map(({ target }) => target)).toEqual([own]);
    await reach.retry(mine, found[0]?.id ?? "");
  });

  test("[P-REACH-10] a user has at most 10 push subscriptions and a deployment 100 webhooks", async () => {
    await using r = reaching();
    for (let n = 0; n < 10; n++) await r.subscribe({}, `${browser}/${n}`);
    await expect(r.subscribe({}, `${browser}/10`)).rejects.toMatchObject({ code: "rate_limited" });
    await r.subscribe({}, `${browser}/9`);
    const add = () => r.t.core.reaching.addWebhook(r.t.service, { url: hook });
    for (let n = 0; n < 100; n++) await add();
    await expect(add()).rejects.toMatchObject({ code: "rate_limited" });
  });

  test("[P-REACH-11] an address that is not https, unusable keys and unknown rules are refused with the field", async () => {
    await using r = reaching();
    const { reaching: reach } = r.t.core;
    const ada = r.t.user("ada");
    const push = (input: unknown) => reach.addPush(ada, "ada", input as never);
    const web = (input: unknown) => reach.addWebhook(r.t.service, input as never);
    const subscription = { endpoint: browser, keys };
    for (const [call, words] of [
      [() => push({ subscription: { ...subscription, endpoint: "http://x/" } }), "https"],
      [() => push({ subscription: { ...subscription, keys: { ...keys, auth: "bad" } } }), "auth"],
      [() => push({}), "subscription"],
      [() => push({ subscription, rules: { slower_than_ms: 59_999 } }), "slower_than_ms"],
      [() => push({ subscription, rules: { done: "yes" } }), "done"],
      [() => web({ url: "http://x/" }), "https"],
      [() => web({ url: hook, when: "now" }), "when"],
      [() => web({ url: hook, users: [] }), "users"],
      [() => web({ url: `https://${"x".repeat(1_000)}/` }), "url"],
    ] as const) {
      const error = await call().then(
        () => undefined,
        (error: unknown) => error as { code: string; message: string },
      );
      expect(error?.code).toBe("bad_message");
      expect(error?.message).toContain(words);
    }
  });

  test("[P-REACH-11] a gateway without push keys or a webhook secret says what to set", async () => {
    await using t = testCore();
    const { reaching: reach } = t.core;
    expect(() => reach.pushKey(t.user("ada"))).toThrow("VAPID");
    await expect(
      reach.addPush(t.user("ada"), "ada", { subscription: { endpoint: browser, keys } }),
    ).rejects.toMatchObject({ code: "not_supported" });
    await expect(reach.addWebhook(t.service, { url: hook })).rejects.toMatchObject({
      code: "not_supported",
      message: expect.stringContaining("MILEPOST_WEBHOOK_SECRET"),
    });
  });

  test("[P-REACH-10] an operation stores no delivery where neither web push nor webhooks are set up", async () => {
    const clock = new ManualClock();
    const shared = new SharedEngine(clock, new SeededRandom());
    await using t = testCore({ clock, engine: shared.factory });
    await run(t, done);
    const engine = shared.factory({ clock, random: new SeededRandom() });
    expect(await engine.deliveries.count()).toBe(0);
  });
});
