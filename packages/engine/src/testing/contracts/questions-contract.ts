import { describe, expect, test } from "vitest";
import type { NewQuestion, QuestionBounds, StoredQuestion } from "../../index.ts";
import type { MakeEngine } from "./engine-harness.ts";

const hourMs = 3_600_000;
const times = { keepMs: hourMs };
const bounds: QuestionBounds = { maxOpen: 3, maxPerOperation: 5, maxQuestions: 8 };

function asked(id: string, rest: Partial<NewQuestion> = {}): NewQuestion {
  return { id, operationId: "o1", lists: [], json: `{"prompt":"${id}?"}`, ...rest };
}

function settled(question: StoredQuestion, json = '{"answer":true}'): StoredQuestion {
  return { ...question, revision: question.revision + 1, status: "answered", json };
}

function idsOf(questions: readonly StoredQuestion[]): readonly string[] {
  return questions.map(({ id }) => id);
}

/** Contract tests of the questions of operations; every engine runs them. */
export function questionsContract(name: string, make: MakeEngine): void {
  describe(`${name} questions`, () => {
    test("[P-QST-4] a question is stored as it was asked, and asking with its key again stores nothing", async () => {
      await using harness = await make();
      const { questions } = harness.engine;
      const first = await questions.add(
        asked("a", { key: "k", lists: ["user:ann"] }),
        times,
        bounds,
      );
      expect(first).toEqual({
        question: {
          id: "a",
          operationId: "o1",
          lists: ["user:ann"],
          json: '{"prompt":"a?"}',
          revision: 0,
          status: "open",
        },
        isNew: true,
      });
      const again = await questions.add(asked("b", { key: "k" }), times, bounds);
      expect(again).toEqual({ question: first.question, isNew: false });
      expect(await questions.get("b")).toBeUndefined();
      const elsewhere = await questions.add(
        asked("c", { key: "k", operationId: "o2" }),
        times,
        bounds,
      );
      expect(elsewhere.isNew).toBe(true);
      const others = Array.from({ length: 9 }, (_, n) =>
        questions.add(asked(`d${n}`, { key: "same", operationId: "o3" }), times, bounds),
      );
      const added = await Promise.all(others);
      expect(added.filter(({ isNew }) => isNew)).toHaveLength(1);
      expect(new Set(added.map(({ question }) => question.id)).size).toBe(1);
    });

    test("[P-QST-4] a key moves to a new question only from the one that the new question replaces", async () => {
      await using harness = await make();
      const { questions } = harness.engine;
      await questions.add(asked("a", { key: "k" }), times, bounds);
      const next = await questions.add(asked("b", { key: "k", replaces: "a" }), times, bounds);
      expect(next).toMatchObject({ isNew: true, question: { id: "b" } });
      const late = await questions.add(asked("c", { key: "k", replaces: "a" }), times, bounds);
      expect(late).toMatchObject({ isNew: false, question: { id: "b" } });
    });

    test("[P-QST-3] of many concurrent changes of one revision exactly one is stored, and all see it", async () => {
      await using harness = await make();
      const { questions } = harness.engine;
      const { question } = await questions.add(asked("a"), times, bounds);
      const answers = Array.from({ length: 20 }, (_, n) => `{"answer":${n}}`);
      const stored = await Promise.all(
        answers.map((json) => questions.change(settled(question, json), times)),
      );
      const seen = new Set(stored.map((each) => each?.json));
      expect(seen.size).toBe(1);
      expect(await questions.get("a")).toMatchObject({
        revision: 1,
        status: "answered",
        json: [...seen][0],
      });
      expect(await questions.change(settled({ ...question, id: "none" }), times)).toBeUndefined();
    });

    test("[P-QST-9] lists have the open questions only, the newest first, of an operation all", async () => {
      await using harness = await make();
      const { questions } = harness.engine;
      const lists = ["user:ann", "role:boss"];
      const { question } = await questions.add(asked("a", { lists }), times, bounds);
      await harness.advance(10);
      await questions.add(asked("b", { lists: ["role:boss"] }), times, bounds);
      const list = (name: string, limit = 10) => questions.list({ list: name, limit });
      expect(idsOf(await list("role:boss"))).toEqual(["b", "a"]);
      expect(idsOf(await list("role:boss", 1))).toEqual(["b"]);
      expect(idsOf(await list("user:ann"))).toEqual(["a"]);
      expect(await list("user:bob")).toEqual([]);
      const further = { ...question, revision: 1, lists: ["user:ann", "user:bob"] };
      await questions.change(further, times);
      expect(idsOf(await list("user:bob"))).toEqual(["a"]);
      expect(idsOf(await list("role:boss"))).toEqual(["b"]);
      await questions.change(settled(further), times);
      expect(await list("user:ann")).toEqual([]);
      expect(await list("user:bob")).toEqual([]);
      expect(idsOf(await questions.list({ operationId: "o1", limit: 10 }))).toEqual(["b", "a"]);
    });

    test("[P-QST-7] a question is due at its time, until it is scheduled anew at its present revision", async () => {
      await using harness = await make();
      const { questions } = harness.engine;
      const { question } = await questions.add(asked("a"), { ...times, dueInMs: 100 }, bounds);
      await questions.add(asked("b"), { ...times, dueInMs: 50 }, bounds);
      await questions.add(asked("c"), times, bounds);
      expect(await questions.due(0, 10)).toEqual([]);
      await harness.advance(100);
      expect(idsOf(await questions.due(0, 10))).toEqual(["b", "a"]);
      expect(idsOf(await questions.due(0, 1))).toEqual(["b"]);
      expect(idsOf(await questions.due(50, 10))).toEqual(["b"]);
      await questions.schedule("b", 0, undefined);
      await questions.change({ ...question, revision: 1 }, { ...times, dueInMs: 0 });
      await questions.schedule("a", 0, undefined);
      expect(idsOf(await questions.due(0, 10))).toEqual(["a"]);
      await questions.schedule("a", 1, 1_000);
      expect(await questions.due(0, 10)).toEqual([]);
      await harness.advance(1_000);
      expect(idsOf(await questions.due(0, 10))).toEqual(["a"]);
    });

    test("[P-QST-10] an operation has a maximum of open questions, and its oldest settled ones make room", async () => {
      await using harness = await make();
      const { questions } = harness.engine;
      const add = async (id: string) => (await questions.add(asked(id), times, bounds)).question;
      const a = await add("a");
      await harness.advance(1);
      const b = await add("b");
      await harness.advance(1);
      await add("c");
      await expect(add("d")).rejects.toMatchObject({ code: "rate_limited" });
      await questions.change(settled(a), times);
      await questions.change(settled(b), times);
      for (const id of ["d", "e"]) {
        await harness.advance(1);
        await add(id);
      }
      expect(idsOf(await questions.list({ operationId: "o1", limit: 10 }))).toEqual([..."edcba"]);
      await questions.change(settled(await present(questions.get("c"))), times);
      await harness.advance(1);
      await add("f");
      expect(idsOf(await questions.list({ operationId: "o1", limit: 10 }))).toEqual([..."fedcb"]);
      expect(await questions.get("a")).toBeUndefined();
    });

    test("[P-QST-10] a full store drops the question settled longest ago, and never an open one", async () => {
      await using harness = await make();
      const { questions } = harness.engine;
      const add = async (id: string) =>
        (await questions.add(asked(id, { operationId: `of ${id}` }), times, bounds)).question;
      for (const id of "abcdefgh") await add(id);
      await expect(add("i")).rejects.toMatchObject({ code: "store_full" });
      await questions.change(settled(await present(questions.get("c"))), times);
      await harness.advance(1);
      await questions.change(settled(await present(questions.get("a"))), times);
      await add("i");
      expect(await questions.get("c")).toBeUndefined();
      expect(await questions.get("a")).toBeDefined();
    });

    test("[P-QST-10] a question is forgotten after its time unless it changes, with its key and lists", async () => {
      await using harness = await make();
      const { questions } = harness.engine;
      const lists = ["user:ann"];
      const { question } = await questions.add(asked("a", { key: "k", lists }), times, bounds);
      await harness.advance(hourMs - 1);
      await questions.change({ ...question, revision: 1 }, times);
      await harness.advance(hourMs - 1);
      expect(await questions.get("a")).toMatchObject({ revision: 1 });
      await harness.advance(1);
      expect(await questions.get("a")).toBeUndefined();
      expect(await questions.list({ list: "user:ann", limit: 10 })).toEqual([]);
      expect(await questions.due(0, 10)).toEqual([]);
      const again = await questions.add(asked("b", { key: "k" }), times, bounds);
      expect(again.isNew).toBe(true);
    });

    test("[P-QST-10] ids, keys and lists may be any text", async () => {
      await using harness = await make();
      const { questions } = harness.engine;
      for (const text of ["", "*", "{a}", "a b\r\n\0", "\ud800", "\ud801", "é", "e\u0301"]) {
        const lists = [`user:${text}`];
        const json = JSON.stringify({ prompt: text });
        const operationId = `o${text}`;
        await questions.add(asked(`id-${text}`, { operationId, key: text, lists, json }), times, {
          ...bounds,
          maxQuestions: 100,
        });
        const found = await questions.list({ list: `user:${text}`, limit: 10 });
        expect(found).toMatchObject([{ json, lists }]);
        expect(await questions.list({ operationId, limit: 10 })).toHaveLength(1);
      }
    });
  });
}

async function present(found: Promise<StoredQuestion | undefined>): Promise<StoredQuestion> {
  const question = await found;
  if (question === undefined) throw new Error("there is no such question");
  return question;
}
