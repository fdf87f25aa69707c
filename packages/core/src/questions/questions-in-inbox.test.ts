import { expect, test } from "vitest";
import { testCore } from "../testing/index.ts";

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
