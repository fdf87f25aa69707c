import { expect, test } from "vitest";
import { RecordingSender, testCore } from "../testing/index.ts";

test("[P-QST-9] a question is in the inbox of everyone it is for, and leaves all of them with the first answer", async () => {
  await using t = testCore();
  const { operations, questions, inbox } = t.core;
  const created = await operations.create(t.service, {
    kind: "deploy",
    title: "Deploy",
    operation_id: "9",
    user_id: "ada",
    lease_ms: 600_000,
  });
  const events = [{ event: "started", data: {} }];
  await operations.report(t.service, "9", { lease: created.lease.token, events });
  const { question } = await questions.ask(t.service, "9", {
    kind: "approve",
    prompt: "Deploy?",
    for: { users: ["bob"], roles: ["boss"] },
    escalate: [{ after_ms: 1_000, for: { users: ["eve"] } }],
  });
  const boss = t.user("dan", { claims: { roles: ["boss"] } });
  const people = [t.user("bob"), boss, t.user("eve")] as const;
  const itemsOf = async () => {
    const lists = await Promise.all(people.map((p) => inbox.list(p, p.user ?? "")));
    return lists.map(({ items }) => items.map(({ id }) => id));
  };
  expect(await itemsOf()).toEqual([[question.id], [question.id], []]);
  await t.clock.advance(1_100);
  expect(await itemsOf()).toEqual([[question.id], [question.id], [question.id]]);
  await questions.snooze(t.user("bob"), "9", question.id, { for_ms: 60_000 });
  expect(await itemsOf()).toEqual([[], [question.id], [question.id]]);
  await questions.answer(boss, "9", question.id, { answer: true });
  await t.clock.settle();
  expect(await itemsOf()).toEqual([[], [], []]);
  const next = await questions.ask(t.service, "9", { kind: "approve", prompt: "And now?" });
  const ada = t.user("ada");
  expect((await inbox.list(ada, "ada")).items).toMatchObject([
    { id: next.question.id, kind: "question", data: { operation_id: "9", prompt: "And now?" } },
  ]);
  await operations.report(t.service, "9", {
    lease: created.lease.token,
    events: [{ event: "done", data: {} }],
  });
  await t.clock.settle();
  expect((await inbox.list(ada, "ada")).items).toEqual([]);
});

test("[P-QST-9] the longest question is in the inbox, with a prompt that is cut and without what does not fit", async () => {
  await using t = testCore();
  await t.core.operations.create(t.service, { kind: "deploy", operation_id: "9", user_id: "ada" });
  const ask = (prompt: string) =>
    t.core.questions.ask(t.service, "9", {
      kind: "choose",
      prompt,
      options: Array.from({ length: 40 }, (_, n) => ({ id: `o${n}`, title: "選".repeat(40) })),
    });
  const long = await ask("問".repeat(3_500));
  const longer = await ask("\u0001".repeat(4_000));
  const { items } = await t.core.inbox.list(t.user("ada"), "ada");
  expect(items).toMatchObject([
    { id: longer.question.id, data: { prompt: "\u0001".repeat(2_000) } },
    { id: long.question.id, data: { prompt: "問".repeat(3_500) } },
  ]);
  expect(items.map(({ data }) => Object.keys(data as object).includes("options"))).toEqual([
    false,
    false,
  ]);
  expect(t.faults).toEqual([]);
});

test("[P-QST-9] a question that an inbox has no room for is asked all the same, and the refusal is reported once", async () => {
  await using t = testCore({ limits: { maxInboxItems: 1 } });
  await t.core.operations.create(t.service, { kind: "deploy", operation_id: "9", user_id: "ada" });
  const ask = (prompt: string) =>
    t.core.questions.ask(t.service, "9", { kind: "approve", prompt, deadline_ms: 60_000 });
  await ask("One?");
  const { question } = await ask("Two?");
  for (let n = 0; n < 5; n++) await t.clock.advance(10_000);
  const refusals = t.faults.filter(({ fields }) => fields?.event !== "operation.stalled");
  expect(refusals).toHaveLength(1);
  await t.clock.advance(11_000);
  const ended = await t.core.questions.get(t.service, "9", question.id);
  expect(ended.status).toBe("expired");
});

test("[P-REACH-1] the prompt of a private question is in no message to somebody who is away", async () => {
  const sender = new RecordingSender();
  await using t = testCore({ reach: sender });
  const subscription = { endpoint: "https://push.example/bob", keys: { p256dh: "k", auth: "a" } };
  await t.core.reaching.addPush(t.user("bob"), "bob", { subscription });
  await t.core.reaching.addWebhook(t.service, { url: "https://hooks.example/" });
  await t.core.operations.create(t.service, { kind: "deploy", operation_id: "9", user_id: "ada" });
  await t.core.questions.ask(t.service, "9", {
    kind: "approve",
    prompt: "SECRET?",
    private: true,
    for: { users: ["bob"] },
  });
  await t.clock.advance(5_000);
  const sent = sender.take();
  expect(sent).toHaveLength(2);
  expect(JSON.stringify(sent)).not.toContain("SECRET");
});
