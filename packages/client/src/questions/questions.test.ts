import type { Question } from "@milepost/model";
import { describe, expect, it } from "vitest";
import { createClient } from "../create-client.ts";
import { ManualClock, ScriptedGateway, settle } from "../testing/index.ts";
import { openQuestions } from "./questions.ts";

const at = (offset: number) => `e1.${offset}.t${offset}`;
const question = (id: string, change: Partial<Question> = {}): Question => ({
  id,
  operation_id: "o1",
  title: "Deploy",
  operation_kind: "deploy",
  kind: "approve",
  prompt: `${id}?`,
  status: "open",
  asked_at: 1,
  may_answer: true,
  ...change,
});
const item = (id: string, revision: number) => ({
  id,
  kind: "question",
  place: revision,
  revision,
  at: 1,
  data: { question_id: id, operation_id: "o1", prompt: `${id}?` },
});
const counts = { total: 1, unread: 1, open: 1, snoozed: 0 };

/** Answers the oldest request of a method; fails if the client sent none. */
async function reply({ last }: ScriptedGateway, method: string, result: object) {
  await settle();
  const index = last.sent.findIndex((one) => one.type === "request" && one.method === method);
  const [request] = index < 0 ? [] : last.sent.splice(index, 1);
  if (request === undefined) throw new Error(`the client sent no ${method}`);
  await last.reply(request as { id: number }, result);
  return request as unknown as { readonly params: object };
}

/** Follows the questions of the user 7, whose inbox has these items. */
async function person(...items: object[]) {
  const [clock, gateway] = [new ManualClock(), new ScriptedGateway()];
  const client = createClient({ url: "ws://test/ws", webSocket: gateway.webSocket, clock });
  const questions = openQuestions(client);
  const stop = questions.subscribe(() => {});
  await settle();
  await gateway.last.accept({ user_id: "7" });
  await open(gateway, items);
  let offset = 3;
  const say = (data: object) =>
    gateway.last.say({
      type: "event",
      channel: "inbox:7",
      position: at(++offset),
      event: "inbox",
      ts: offset,
      data: { counts, ...data },
    });
  return { client, clock, gateway, questions, stop, say };
}

async function open({ last }: ScriptedGateway, items: readonly object[]) {
  const state = { revision: 1, counts, items, gone: [] };
  await last.reply(last.take("subscribe"), {
    channel: "inbox:7",
    position: at(3),
    recovered: false,
    snapshot: { projection: "inbox", state },
  });
}

describe("questions of a person", () => {
  it("[P-QST-12] a question that comes into the inbox is asked for, answered once, and then over", async () => {
    const { gateway, questions, say } = await person();
    await reply(gateway, "questions.list", { questions: [] });
    expect(questions.getSnapshot()).toMatchObject({ status: "live", open: [] });
    await say({ revision: 2, items: [item("q1", 2)] });
    await reply(gateway, "questions.list", { questions: [question("q1")] });
    expect(questions.getSnapshot().open).toMatchObject([{ id: "q1", may_answer: true }]);
    const answering = questions.answer("q1", true, { comment: "go" });
    const over = question("q1", { status: "answered", answer: true, by: "7", settled_at: 5 });
    const sent = await reply(gateway, "questions.answer", { question: over, duplicate: false });
    expect(sent.params).toEqual({
      operation_id: "o1",
      question_id: "q1",
      answer: true,
      comment: "go",
    });
    expect(await answering).toMatchObject({ status: "answered" });
    expect(questions.getSnapshot()).toMatchObject({ open: [], settled: [{ id: "q1", by: "7" }] });
    await say({ revision: 3, gone: [{ id: "q1", revision: 3, reason: "answered" }] });
    await reply(gateway, "questions.list", { questions: [] });
    expect(questions.getSnapshot().settled).toHaveLength(1);
  });

  it("[P-QST-12] questions leave the page when the client connects as another user", async () => {
    const { clock, gateway, questions } = await person(item("q1", 1));
    await reply(gateway, "questions.list", { questions: [question("q1"), question("q2")] });
    const answering = questions.answer("q1", true);
    const over = question("q1", { status: "answered", answer: true, by: "7", settled_at: 5 });
    await reply(gateway, "questions.answer", { question: over, duplicate: false });
    await answering;
    expect(questions.getSnapshot()).toMatchObject({ open: { length: 1 }, settled: { length: 1 } });
    await gateway.last.drop();
    expect(questions.getSnapshot()).toMatchObject({ open: { length: 1 }, settled: { length: 1 } });
    await clock.advance(2_000);
    await settle();
    await gateway.last.accept({ user_id: "8" });
    expect(questions.getSnapshot()).toMatchObject({ open: [], settled: [] });
  });

  it("[P-QST-12] when somebody else was first, the answer is refused and the question shows theirs", async () => {
    const { gateway, questions } = await person(item("q1", 1));
    await reply(gateway, "questions.list", { questions: [question("q1")] });
    const answering = questions.answer("q1", false);
    const failed = expect(answering).rejects.toMatchObject({ code: "already_answered" });
    await settle();
    await gateway.last.refuse(gateway.last.take("request"), {
      code: "already_answered",
      message: "eve answered this question",
      retryable: false,
    });
    const over = question("q1", { status: "answered", answer: true, by: "eve", settled_at: 5 });
    await reply(gateway, "questions.get", over);
    await failed;
    expect(questions.getSnapshot()).toMatchObject({
      open: [],
      settled: [{ by: "eve", answer: true }],
    });
  });

  it("[P-QST-12] a question that leaves the inbox unanswered here shows what has become of it", async () => {
    const { gateway, questions, say } = await person(item("q1", 1), item("q2", 2));
    await reply(gateway, "questions.list", { questions: [question("q1"), question("q2")] });
    await say({ revision: 3, gone: [{ id: "q1", revision: 3, reason: "expired" }] });
    await reply(gateway, "questions.list", { questions: [question("q2")] });
    await reply(gateway, "questions.get", question("q1", { status: "expired", settled_at: 9 }));
    expect(questions.getSnapshot()).toMatchObject({
      open: [{ id: "q2" }],
      settled: [{ id: "q1", status: "expired" }],
    });
  });

  it("[P-QST-12] a question that is put aside stays open, and comes back by itself", async () => {
    const { gateway, questions, clock } = await person(item("q1", 1));
    await reply(gateway, "questions.list", { questions: [question("q1")] });
    const waiting = questions.notNow("q1", 60_000);
    const until = clock.now() + 60_000;
    await reply(gateway, "questions.snooze", question("q1", { snoozed_until: until }));
    await waiting;
    expect(questions.getSnapshot()).toMatchObject({ open: [], snoozed: [{ id: "q1" }] });
    let changes = 0;
    questions.subscribe(() => changes++);
    for (let n = 0; n < 6; n++) {
      await clock.advance(10_000);
      while (gateway.last.count("ping") > 0) {
        await gateway.last.say({ type: "pong", id: gateway.last.take("ping").id });
      }
    }
    expect(changes).toBeGreaterThan(0);
    expect(questions.getSnapshot()).toMatchObject({ open: [{ id: "q1" }], snoozed: [] });
  });

  it("[P-QST-12] changes while questions are asked for make one more request, and a failure is tried again", async () => {
    const { gateway, questions, say, clock } = await person();
    await say({ revision: 2, items: [item("q1", 2)] });
    await say({ revision: 3, items: [item("q2", 3)] });
    await reply(gateway, "questions.list", { questions: [] });
    await settle();
    expect(gateway.last.count("request")).toBe(1);
    await gateway.last.refuse(gateway.last.take("request"), {
      code: "store_unavailable",
      message: "the store is away",
      retryable: true,
    });
    expect(questions.getSnapshot()).toMatchObject({ status: "stale" });
    await clock.advance(5_000);
    await reply(gateway, "questions.list", { questions: [question("q1"), question("q2")] });
    expect(questions.getSnapshot()).toMatchObject({ status: "live", open: [{}, {}] });
  });

  it("[P-QST-12] what changed while there was no connection is asked for after it", async () => {
    const { gateway, questions, clock } = await person(item("q1", 1));
    await reply(gateway, "questions.list", { questions: [question("q1")] });
    await gateway.last.drop();
    expect(questions.getSnapshot()).toMatchObject({ status: "stale", open: [{ id: "q1" }] });
    await clock.advance(2_000);
    await settle();
    await gateway.last.accept({ user_id: "7" });
    await open(gateway, []);
    await reply(gateway, "questions.list", { questions: [] });
    const over = question("q1", { status: "answered", answer: false, by: "bo", settled_at: 7 });
    await reply(gateway, "questions.get", over);
    expect(questions.getSnapshot()).toMatchObject({
      status: "live",
      open: [],
      settled: [{ by: "bo" }],
    });
  });
});

describe("questions of an operation", () => {
  it("[P-QST-12] the questions of an operation are asked for when its state says that one has changed", async () => {
    const [clock, gateway] = [new ManualClock(), new ScriptedGateway()];
    const client = createClient({ url: "ws://test/ws", webSocket: gateway.webSocket, clock });
    const questions = openQuestions(client, "o1");
    expect(openQuestions(client, "o1")).toBe(questions);
    questions.subscribe(() => {});
    await settle();
    await gateway.last.accept({ user_id: "7" });
    await gateway.last.reply(gateway.last.take("subscribe"), {
      channel: "operation:o1",
      position: at(0),
      recovered: false,
    });
    const say = (offset: number, event: string, data: object) =>
      gateway.last.say({
        type: "event",
        channel: "operation:o1",
        position: at(offset),
        event,
        ts: offset,
        data,
      });
    await say(1, "created", { operation_id: "o1", kind: "deploy", title: "Deploy" });
    expect(questions.getSnapshot()).toMatchObject({ status: "live", open: [] });
    expect(gateway.last.count("request")).toBe(0);
    await say(2, "progress", { percent: 10 });
    expect(gateway.last.count("request")).toBe(0);
    await say(3, "question", { question_id: "q1", phase: "asked", kind: "approve", prompt: "Go?" });
    const asked = await reply(gateway, "questions.list", { questions: [question("q1")] });
    expect(asked.params).toEqual({ operation_id: "o1" });
    expect(questions.getSnapshot().open).toMatchObject([{ id: "q1" }]);
    await say(4, "question", { question_id: "q1", phase: "answered", answer: true, by: "eve" });
    const over = question("q1", { status: "answered", answer: true, by: "eve", settled_at: 4 });
    await reply(gateway, "questions.list", { questions: [over] });
    expect(questions.getSnapshot()).toMatchObject({ open: [], settled: [{ by: "eve" }] });
  });
});
