import type { AskQuestion, CreatedOperation, OperationState, Question } from "@milepost/model";
import type { StandardSchema } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { type TestCore, testCore } from "../testing/index.ts";
import { report, runningOperation } from "../testing/running-operation.ts";

const owner = "ada";

/** Compiles schemas of the form `{type, required}`, which is all that these tests need. */
function jsonSchema(schema: unknown): StandardSchema {
  const { required = [] } = schema as { required?: readonly string[] };
  return {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => {
        const missing = required.find((name) => !Object.hasOwn(Object(value), name));
        if (missing === undefined) return { value };
        return { issues: [{ message: "is missing", path: [missing] }] };
      },
    },
  };
}

function node(): TestCore {
  return testCore({ jsonSchema });
}

function running(t: TestCore, rest: object = {}): Promise<CreatedOperation> {
  return runningOperation(t, { kind: "deploy", title: "Deploy", user_id: owner, ...rest });
}

async function ask(t: TestCore, { operation }: CreatedOperation, rest: Partial<AskQuestion> = {}) {
  const { question } = await t.core.questions.ask(t.service, operation.id, {
    kind: "approve",
    prompt: "Deploy to production?",
    ...rest,
  });
  return question;
}

async function stateOf(t: TestCore, { operation }: CreatedOperation): Promise<OperationState> {
  return (await t.core.operations.get(t.service, operation.id)).operation;
}

async function events(t: TestCore, { channel }: CreatedOperation): Promise<unknown[]> {
  const { entries } = await t.core.channels.history(t.service, channel, { limit: 1_000 });
  return entries.flatMap(({ event, data }) => (event === "question" ? [data] : []));
}

function answer(t: TestCore, question: Question, user: string, value: unknown = true) {
  return t.core.questions.answer(t.user(user), question.operation_id, question.id, {
    answer: value,
  });
}

function withRoles(t: TestCore, user: string, ...roles: string[]) {
  return t.user(user, { claims: { roles } });
}

describe("questions of operations", () => {
  test("[P-QST-1] [P-QST-3] a question is in log and state, and its answer says who answered what and when", async () => {
    await using t = node();
    const created = await running(t);
    const question = await ask(t, created, { deadline_ms: 60_000, default: false });
    expect(question).toMatchObject({
      operation_id: created.operation.id,
      title: "Deploy",
      operation_kind: "deploy",
      status: "open",
      asked_at: t.clock.now(),
      deadline_at: t.clock.now() + 60_000,
    });
    expect((await stateOf(t, created)).questions).toMatchObject([
      { id: question.id, kind: "approve", prompt: "Deploy to production?", status: "open" },
    ]);
    await t.clock.advance(1_000);
    const answered = await answer(t, question, owner);
    expect(answered).toMatchObject({
      duplicate: false,
      question: { status: "answered", answer: true, by: owner, settled_at: t.clock.now() },
    });
    expect((await stateOf(t, created)).questions).toMatchObject([
      { status: "answered", answer: true, by: owner },
    ]);
    expect(await events(t, created)).toEqual([
      {
        question_id: question.id,
        phase: "asked",
        kind: "approve",
        prompt: "Deploy to production?",
        default: false,
        deadline_at: question.deadline_at,
      },
      { question_id: question.id, phase: "answered", answer: true, by: owner },
    ]);
  });

  test("[P-QST-3] the first answer counts, its author may repeat it, and anybody else receives already_answered with the author's name", async () => {
    await using t = node();
    const created = await running(t);
    const question = await ask(t, created, { for: { users: ["bob", "eve"] } });
    await answer(t, question, "bob");
    expect(await answer(t, question, "bob")).toMatchObject({ duplicate: true });
    for (const [user, value] of [
      ["bob", false],
      ["eve", true],
    ] as const) {
      await expect(answer(t, question, user, value)).rejects.toMatchObject({
        code: "already_answered",
        message: expect.stringMatching(/^bob answered this question at 2026-/),
      });
    }
    expect(await events(t, created)).toHaveLength(2);
  });

  test("[P-QST-3] of answers at the same time exactly one is taken", async () => {
    await using t = node();
    const created = await running(t);
    const users = Array.from({ length: 20 }, (_, n) => `user${n}`);
    const question = await ask(t, created, { for: { users } });
    const outcomes = await Promise.allSettled(users.map((user) => answer(t, question, user)));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await events(t, created)).toHaveLength(2);
  });

  test("[P-QST-2] only the people a question is for may answer, and others cannot even see it", async () => {
    await using t = node();
    const created = await running(t);
    const id = created.operation.id;
    const question = await ask(t, created, { for: { users: ["bob"], roles: ["acme:boss"] } });
    const get = (principal: ReturnType<TestCore["user"]>) =>
      t.core.questions.get(principal, id, question.id);
    for (const stranger of [
      t.user("mallory"),
      withRoles(t, "mallory", "boss", "other:boss", "ACME:BOSS"),
      t.user("mallory", { claims: { roles: [["acme:boss"]] } }),
    ]) {
      await expect(get(stranger)).rejects.toMatchObject({ code: "not_found" });
      const answered = t.core.questions.answer(stranger, id, question.id, { answer: true });
      await expect(answered).rejects.toMatchObject({ code: "not_found" });
      await expect(t.core.questions.snooze(stranger, id, question.id)).rejects.toMatchObject({
        code: "not_found",
      });
      await expect(t.core.questions.ofOperation(stranger, id)).rejects.toMatchObject({
        code: "not_found",
      });
      expect(await t.core.questions.open(stranger, {})).toEqual({ questions: [] });
      expect(await t.core.questions.open(stranger, { user: "bob" })).toEqual({ questions: [] });
      expect(await t.core.questions.open(stranger, { role: "acme:boss" })).toEqual({
        questions: [],
      });
    }
    // Its owner reads the operation's log, where the question is.
    expect(await get(t.user(owner))).toMatchObject({ id: question.id });
    await expect(answer(t, question, owner)).rejects.toMatchObject({ code: "forbidden" });
    for (const person of [t.user("bob"), withRoles(t, "dan", "acme:boss")]) {
      expect(await get(person)).toMatchObject({ status: "open" });
      expect((await t.core.questions.open(person, {})).questions).toMatchObject([
        { id: question.id },
      ]);
    }
    await t.core.questions.answer(withRoles(t, "dan", "acme:boss"), id, question.id, {
      answer: true,
    });
    expect((await t.core.questions.open(t.user("bob"), {})).questions).toEqual([]);
  });

  test("[P-QST-2] a question of one operation cannot be reached through another one", async () => {
    await using t = node();
    const [a, b] = [await running(t), await running(t)];
    const question = await ask(t, a);
    const through = { ...question, operation_id: b.operation.id };
    await expect(answer(t, through, owner)).rejects.toMatchObject({ code: "not_found" });
  });

  test("[P-QST-2] a private question leaves its text and answer out of the log, and the owner cannot see it", async () => {
    await using t = node();
    const created = await running(t);
    const question = await ask(t, created, { private: true, for: { users: ["bob"] } });
    await expect(
      t.core.questions.get(t.user(owner), created.operation.id, question.id),
    ).rejects.toMatchObject({ code: "not_found" });
    const { question: answered } = await t.core.questions.answer(
      t.user("bob"),
      created.operation.id,
      question.id,
      { answer: true, comment: "fine" },
    );
    expect(answered).toMatchObject({ prompt: "Deploy to production?", comment: "fine" });
    expect(await events(t, created)).toEqual([
      { question_id: question.id, phase: "asked", kind: "approve", for: { users: ["bob"] } },
      { question_id: question.id, phase: "answered", by: "bob" },
    ]);
  });

  test("[P-QST-5] an answer that does not fit its question is refused with the field, and the question stays open", async () => {
    await using t = node();
    const created = await running(t);
    const schema = { type: "object", required: ["city"] };
    for (const [rest, wrong, right, message] of [
      [{}, "yes", true, "answer: must be true or false"],
      [
        { kind: "choose", options: ["a", { id: "b", title: "B" }] },
        "c",
        "b",
        'answer: must be one of "a", "b"',
      ],
      [{ kind: "input" }, 5, "five", "answer: must be a text"],
      [{ kind: "input", schema }, {}, { city: "Rome" }, "city: is missing"],
    ] as const) {
      const question = await ask(t, created, rest as Partial<AskQuestion>);
      await expect(answer(t, question, owner, wrong)).rejects.toMatchObject({
        code: "invalid_data",
        message,
      });
      await expect(answer(t, question, owner, "x".repeat(20_000))).rejects.toMatchObject({
        code: "too_large",
      });
      expect(await answer(t, question, owner, right)).toMatchObject({ duplicate: false });
    }
  });

  test.each([
    [{ kind: "choose" }, "bad_message", /options is missing/],
    [{ kind: "choose", options: ["a", "a"] }, "bad_message", /different ids/],
    [{ options: ["a"] }, "bad_message", /only for the kind choose/],
    [{ schema: {} }, "bad_message", /only for the kind input/],
    [{ default: true }, "bad_message", /needs deadline_ms/],
    [{ default: "x", deadline_ms: 5 }, "invalid_data", /default: must be true or false/],
    [{ for: {} }, "bad_message", /at least one user or role/],
    [{ prompt: "x".repeat(4_001) }, "bad_message", /prompt/],
    [{ kind: "input", schema: { x: "y".repeat(20_000) } }, "too_large", /./],
    [
      { escalate: [{ after_ms: 5, for: { roles: ["a"] } }], deadline_ms: 5 },
      "bad_message",
      /before deadline_ms/,
    ],
    [
      {
        kind: "input",
        schema: { $defs: { a: { not: { $ref: "#/$defs/a" } } }, $ref: "#/$defs/a" },
      },
      "invalid_data",
      /cannot refer to itself/,
    ],
    [
      {
        kind: "input",
        schema: {
          $ref: "#/$defs/0",
          $defs: Object.fromEntries(
            Array.from({ length: 40 }, (_, n) => [
              n,
              { anyOf: [{ $ref: `#/$defs/${n + 1}` }, { $ref: `#/$defs/${n + 1}` }] },
            ]),
          ),
        },
      },
      "invalid_data",
      /more than 1000 parts/,
    ],
  ])("[P-QST-5] a question like %j is refused as %s", async (rest, code, message) => {
    await using t = node();
    const created = await running(t);
    await expect(ask(t, created, rest as Partial<AskQuestion>)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test("[P-QST-4] asking again with the key is the same question, with its answer once there is one", async () => {
    await using t = node();
    const created = await running(t);
    const first = await ask(t, created, { key: "go" });
    const input = { kind: "approve", prompt: "Deploy to production?", key: "go" } as const;
    const again = () => t.core.questions.ask(t.service, created.operation.id, input);
    expect(await again()).toMatchObject({ duplicate: true, question: { id: first.id } });
    await t.clock.advance(3_600_000);
    await answer(t, first, owner);
    expect(await again()).toMatchObject({
      duplicate: true,
      question: { id: first.id, status: "answered", answer: true },
    });
    expect(await events(t, created)).toHaveLength(2);
  });

  test("[P-QST-4] a lease in the request is checked, so that a replaced producer cannot ask", async () => {
    await using t = node();
    const created = await running(t);
    const { token } = await t.core.operations.takeOver(t.service, created.operation.id);
    await expect(ask(t, created, { lease: created.lease.token })).rejects.toMatchObject({
      code: "stale_lease",
    });
    expect(await ask(t, created, { lease: token })).toMatchObject({ status: "open" });
  });

  test.each([
    ["done", {}],
    ["failed", { error: { code: "x", message: "x", retryable: true } }],
    ["cancelled", {}],
  ])("[P-QST-8] a question is withdrawn when its run is %s", async (event, data) => {
    await using t = node();
    const created = await running(t);
    const question = await ask(t, created, { key: "go" });
    const waiting = t.core.questions.get(t.service, created.operation.id, question.id, 25_000);
    await report(t, created, event, data);
    expect(await t.clock.until(waiting)).toMatchObject({ status: "withdrawn", reason: event });
    expect((await stateOf(t, created)).questions).toMatchObject([
      { status: "withdrawn", reason: event },
    ]);
    await expect(answer(t, question, owner)).rejects.toMatchObject({ code: "not_possible_now" });
    await expect(ask(t, created)).rejects.toMatchObject({ code: "not_possible_now" });
    expect((await t.core.questions.open(t.user(owner), {})).questions).toEqual([]);
    expect(await events(t, created)).toHaveLength(2);
    await report(t, created, "started", { attempt: 2 });
    const next = await ask(t, created, { key: "go" });
    expect(next.id).not.toBe(question.id);
    await answer(t, next, owner);
  });

  test("[P-QST-8] a question is withdrawn when its run is lost, and when the operation is deleted", async () => {
    await using t = node();
    const lost = await running(t, { lease_ms: 1_000 });
    const deleted = await running(t);
    const [a, b] = [await ask(t, lost), await ask(t, deleted)];
    await t.clock.advance(12_000);
    await t.core.channels.purge(t.service, deleted.channel);
    await t.clock.settle();
    const get = ({ operation_id, id }: Question) =>
      t.core.questions.get(t.service, operation_id, id);
    expect(await get(a)).toMatchObject({ status: "withdrawn", reason: "lost" });
    expect(await get(b)).toMatchObject({ status: "withdrawn", reason: "deleted" });
  });

  test("[P-QST-8] a producer withdraws a question that it does not need any more", async () => {
    await using t = node();
    const created = await running(t);
    const question = await ask(t, created);
    const id = created.operation.id;
    await expect(t.core.questions.withdraw(t.user(owner), id, question.id)).rejects.toMatchObject({
      code: "forbidden",
    });
    await t.core.questions.withdraw(t.service, id, question.id);
    expect((await stateOf(t, created)).questions).toMatchObject([{ status: "withdrawn" }]);
  });

  test("[P-QST-6] at the deadline the gateway answers with the default, or the question expires", async () => {
    await using t = node();
    const created = await running(t);
    const [a, b] = [
      await ask(t, created, { deadline_ms: 5_000, default: false }),
      await ask(t, created, { deadline_ms: 5_000 }),
    ];
    const waiting = t.core.questions.get(t.service, created.operation.id, a.id, 25_000);
    await t.clock.advance(5_100);
    expect(await waiting).toMatchObject({
      status: "answered",
      answer: false,
      by: "default",
      by_default: true,
    });
    await expect(answer(t, a, owner)).rejects.toMatchObject({
      code: "already_answered",
      message: expect.stringMatching(/default/),
    });
    await expect(answer(t, b, owner)).rejects.toMatchObject({ code: "not_possible_now" });
    expect((await stateOf(t, created)).questions).toMatchObject([
      { status: "answered", by_default: true },
      { status: "expired" },
    ]);
  });

  test("[P-QST-7] each step of the escalation lets more people answer, and the earlier ones still may", async () => {
    await using t = node();
    const created = await running(t);
    const question = await ask(t, created, {
      for: { users: ["bob"] },
      escalate: [
        { after_ms: 1_000, for: { roles: ["boss"] } },
        { after_ms: 2_000, for: { users: ["eve"] } },
      ],
    });
    const open = async (principal: ReturnType<TestCore["user"]>) =>
      (await t.core.questions.open(principal, {})).questions.length;
    const boss = withRoles(t, "dan", "boss");
    expect([await open(boss), await open(t.user("eve"))]).toEqual([0, 0]);
    await t.clock.advance(1_100);
    expect([await open(boss), await open(t.user("eve"))]).toEqual([1, 0]);
    await t.clock.advance(1_000);
    expect([await open(boss), await open(t.user("eve"))]).toEqual([1, 1]);
    await answer(t, question, "bob");
    expect(await events(t, created)).toMatchObject([
      { phase: "asked", for: { users: ["bob"] } },
      { phase: "escalated", level: 1, for: { users: ["bob"], roles: ["boss"] } },
      { phase: "escalated", level: 2, for: { users: ["bob", "eve"], roles: ["boss"] } },
      { phase: "answered", by: "bob" },
    ]);
  });

  test("[P-QST-7] the people of the operation still may answer after an escalation of a question for nobody by name", async () => {
    await using t = node();
    const escalate = [{ after_ms: 1_000, for: { users: ["eve"] } }];
    const created = await running(t);
    const question = await ask(t, created, { escalate });
    const forGuest = await running(t, { user_id: undefined, session_id: "s1" });
    const another = await ask(t, forGuest, { escalate });
    await t.clock.advance(1_100);
    const open = async (principal: ReturnType<TestCore["user"]>) =>
      (await t.core.questions.open(principal, {})).questions.map(({ id }) => id);
    const guest = t.user(undefined, { guest: "g", session: "s1" });
    expect(await open(t.user(owner))).toEqual([question.id]);
    expect(await open(guest)).toEqual([another.id]);
    expect(new Set(await open(t.user("eve")))).toEqual(new Set([question.id, another.id]));
    await answer(t, question, owner);
    await t.core.questions.answer(guest, another.operation_id, another.id, { answer: true });
    expect(await events(t, created)).toMatchObject([
      { phase: "asked" },
      { phase: "escalated", level: 1, for: { users: [owner, "eve"] } },
      { phase: "answered", by: owner },
    ]);
  });

  test("[P-QST-9] a question that somebody puts aside stays open for everybody, and only that person sees until when", async () => {
    await using t = node();
    const created = await running(t);
    const question = await ask(t, created, { for: { users: ["bob", "eve"] } });
    const id = created.operation.id;
    const until = t.clock.now() + 60_000;
    const snoozed = await t.core.questions.snooze(t.user("bob"), id, question.id, {
      for_ms: 60_000,
    });
    expect(snoozed).toMatchObject({ status: "open", snoozed_until: until });
    const [mine] = (await t.core.questions.open(t.user("bob"), {})).questions;
    expect(mine).toMatchObject({ snoozed_until: until });
    const [hers] = (await t.core.questions.open(t.user("eve"), {})).questions;
    expect(hers).not.toHaveProperty("snoozed_until");
    expect(await events(t, created)).toHaveLength(1);
    await answer(t, question, "bob");
  });

  test("[P-QST-10] an operation has at most 20 open questions, and its state never drops one of them", async () => {
    await using t = node();
    const created = await running(t);
    const first = await ask(t, created);
    for (let i = 0; i < 60; i++) await answer(t, await ask(t, created), owner);
    for (let i = 1; i < 20; i++) await ask(t, created);
    await expect(ask(t, created)).rejects.toMatchObject({ code: "rate_limited" });
    const { questions = [] } = await stateOf(t, created);
    expect(questions).toHaveLength(40);
    expect(questions.find(({ id }) => id === first.id)).toMatchObject({ status: "open" });
  });

  test("[P-QST-10] question and answer outlive the log of their operation", async () => {
    await using t = node();
    const created = await running(t, { lease_ms: 24 * 3_600_000 });
    const question = await ask(t, created);
    const twoDays = 48 * 3_600_000;
    await t.clock.advance(twoDays / 2 - 60_000);
    // The producer is alive and says nothing.
    await t.core.operations.report(t.service, created.operation.id, {
      lease: created.lease.token,
      events: [],
    });
    await t.clock.advance(twoDays / 2);
    const id = created.operation.id;
    const waiting = t.core.questions.get(t.service, id, question.id, 25_000);
    await t.core.questions.answer(t.user(owner), id, question.id, { answer: true });
    expect(await t.clock.until(waiting)).toMatchObject({ status: "answered", by: owner });
    await t.clock.advance(30 * 24 * 3_600_000);
    expect(await t.core.questions.get(t.service, id, question.id)).toMatchObject({
      status: "answered",
      answer: true,
      by: owner,
    });
  });

  test("[P-QST-1] only a service may ask, and only the gateway publishes what happened to a question", async () => {
    await using t = node();
    const created = await running(t);
    const asked = t.core.questions.ask(t.user(owner), created.operation.id, {
      kind: "approve",
      prompt: "?",
    });
    await expect(asked).rejects.toMatchObject({ code: "forbidden" });
    const question = await ask(t, created);
    const forged = { question_id: question.id, phase: "answered", answer: true, by: owner };
    expect(await report(t, created, "question", forged)).toMatchObject({
      error: { code: "bad_message" },
    });
  });
});
