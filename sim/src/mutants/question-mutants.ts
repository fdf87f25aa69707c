import type { Engine, Inbox, Questions } from "@milepost/engine";
import { altered } from "@milepost/engine/testing";
import type { SpoilEngine } from "../question-run.ts";

/** Mutants of questions and inboxes. */
export const questionMutants: Readonly<Record<string, SpoilEngine>> = {
  "the last answer counts": questions((store) => ({
    change: async (question, times) => {
      const stored = await store.change(question, times);
      if (stored === undefined || stored.json === question.json) return stored;
      return store.change({ ...question, revision: stored.revision + 1 }, times);
    },
  })),
  "an answer counts although the default was taken": questions((store) => ({
    get: async (id) => {
      const found = await store.get(id);
      const isByDefault = found?.json.includes('"by_default":true') === true;
      return found !== undefined && isByDefault ? { ...found, status: "open" } : found;
    },
  })),
  "asking again is another question": questions((store) => ({
    add: ({ key: _, ...question }, times, bounds) => store.add(question, times, bounds),
  })),
  "a question is forgotten when it is over": questions((store) => ({
    list: async (query) => (await store.list(query)).filter(({ status }) => status === "open"),
  })),
  "the deadlines of a dead node are never due": questions(() => ({ due: async () => [] })),
  "an escalation skips its inboxes": questions((store) => ({
    change: (question, times) =>
      store.change(
        question.status === "open" ? { ...question, lists: question.lists.slice(0, 1) } : question,
        times,
      ),
  })),
  "a question outlives its operation": questions((store) => ({
    list: async (query) => ("operationId" in query && query.limit === 100 ? [] : store.list(query)),
    schedule: (id, revision) => store.schedule(id, revision, undefined),
    due: async () => [],
  })),
  "an answered question stays in inboxes": inboxes((inbox) => ({
    close: (owner, _id, reason, bounds) => inbox.close(owner, "another", reason, bounds),
  })),
  "a late put brings an answered question back": inboxes((inbox) => ({
    close: (owner, id, reason, bounds) => inbox.close(owner, id, reason, bounds, true),
  })),
  "the log has no answers": (engine) =>
    altered<Engine>(engine, {
      log: altered(engine.log, {
        append: (channel, entry, policy) => {
          const isAnswer = entry.event === "question" && entry.json.includes('"answered"');
          const kept = isAnswer ? { ...entry, event: "metric", json: "{}" } : entry;
          return engine.log.append(channel, kept, policy);
        },
      }),
    }),
};

function questions(methods: (store: Questions) => Partial<Questions>): SpoilEngine {
  return (engine) =>
    altered<Engine>(engine, { questions: altered(engine.questions, methods(engine.questions)) });
}

function inboxes(methods: (inbox: Inbox) => Partial<Inbox>): SpoilEngine {
  return (engine) =>
    altered<Engine>(engine, { inbox: altered(engine.inbox, methods(engine.inbox)) });
}
