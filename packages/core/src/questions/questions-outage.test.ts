import type { EngineFactory, NewQuestion } from "@milepost/engine";
import { altered, ManualClock, SeededRandom, SharedEngine } from "@milepost/engine/testing";
import { MilepostError } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { type TestCore, testCore } from "../testing/index.ts";

/** Two nodes on one engine and one clock. The first one can die, also in the middle of a call. */
class Pair implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly engine = new SharedEngine(this.clock, new SeededRandom());
  readonly mortal = this.engine.mortal();
  /** Called once the first node has stored a question. */
  onStored: () => void = () => {};
  /** Called once the second node has read the state of the operation, to look whether anything of a question is due. */
  onLook: () => Promise<void> = async () => {};
  isLooking = false;
  /** True while the second node cannot list questions. */
  isListAway = false;
  isAway = false;
  readonly a: TestCore;
  readonly b: TestCore;

  constructor() {
    this.engine.isShared = true;
    const node = (name: string, n: number, engine: EngineFactory) =>
      testCore({ clock: this.clock, random: new SeededRandom(n), node: name, engine });
    // The node that dies is created last, so that the other one holds the sweep lease.
    this.b = node("b", 2, (context) => {
      const engine = this.engine.factory(context);
      const { questions, log } = engine;
      return altered(engine, {
        log: altered(log, {
          peek: async (channel, policy) => {
            const snapshot = await log.peek(channel, policy);
            if (channel === "operation:9" && this.isLooking) {
              this.isLooking = false;
              await this.onLook();
            }
            return snapshot;
          },
        }),
        questions: altered(questions, {
          due: async (...args) => {
            const due = await questions.due(...args);
            this.isLooking = due.length > 0;
            return due;
          },
          list: async (query) => {
            if (this.isListAway) throw new MilepostError("store_unavailable", "the store is away");
            return questions.list(query);
          },
        }),
      });
    });
    this.a = node("a", 1, (context) => {
      const engine = this.mortal.factory(context);
      const { questions } = engine;
      return altered(engine, {
        questions: altered(questions, {
          add: async (question: NewQuestion, ...rest) => {
            if (this.isAway) throw new MilepostError("store_unavailable", "the store is away");
            const added = await questions.add(question, ...rest);
            this.onStored();
            return added;
          },
        }),
      });
    });
  }

  /** Starts the operation and returns its lease. */
  async running(): Promise<string> {
    const { core, service } = this.a;
    const { lease } = await core.operations.create(service, {
      kind: "deploy",
      operation_id: "9",
      user_id: "ada",
      lease_ms: 600_000,
    });
    const events = [{ event: "started", data: {} }];
    await core.operations.report(service, "9", { lease: lease.token, events });
    return lease.token;
  }

  ask(t: TestCore, rest: object = {}) {
    return t.core.questions.ask(t.service, "9", { kind: "approve", prompt: "Go?", ...rest });
  }

  async phases(): Promise<readonly unknown[]> {
    const { entries } = await this.b.core.channels.history(this.b.service, "operation:9", {
      since: "start",
    });
    return entries.flatMap(({ event, data }) =>
      event === "question" ? [(data as { phase: string }).phase] : [],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of [this.a, this.b]) await node[Symbol.asyncDispose]();
  }
}

describe("questions of nodes that die, and of a store that is away", () => {
  test("[P-QST-11] a question that a node stored before it died appears in the log, and its retry is the same question", async () => {
    await using t = new Pair();
    await t.running();
    t.onStored = () => t.mortal.die();
    await t.ask(t.a, { key: "go" }).catch(() => {});
    expect(await t.phases()).toEqual([]);
    await t.clock.advance(12_000);
    expect(await t.phases()).toEqual(["asked"]);
    const [question] = (await t.b.core.questions.ofOperation(t.b.service, "9")).questions;
    expect(await t.ask(t.b, { key: "go" })).toMatchObject({
      duplicate: true,
      question: { id: question?.id },
    });
    expect(await t.phases()).toEqual(["asked"]);
  });

  test("[P-QST-8] an operation that ends while a node looks after a dead node's question leaves nothing open", async () => {
    await using t = new Pair();
    const lease = await t.running();
    t.onStored = () => t.mortal.die();
    await t.ask(t.a, { key: "go" }).catch(() => {});
    const { core, service } = t.b;
    t.onLook = async () => {
      t.isListAway = true;
      const events = [{ event: "done", data: {} }];
      await core.operations.report(service, "9", { lease, events }).catch(() => {});
      t.isListAway = false;
    };
    await t.clock.advance(12_000);
    const { questions } = await core.questions.ofOperation(service, "9");
    expect(questions).toMatchObject([{ status: "withdrawn", reason: "done" }]);
    expect((await core.questions.open(t.b.user("ada"), {})).questions).toEqual([]);
  });

  test("[P-QST-7] another node takes over the deadlines of a dead one, within 10 s and once", async () => {
    await using t = new Pair();
    await t.running();
    await t.ask(t.a, { deadline_ms: 20_000, default: true });
    await t.ask(t.a, { escalate: [{ after_ms: 20_000, for: { roles: ["boss"] } }] });
    t.mortal.die();
    await t.clock.advance(19_000);
    expect(await t.phases()).toEqual(["asked", "asked"]);
    await t.clock.advance(10_000);
    expect((await t.phases()).toSorted()).toEqual(["answered", "asked", "asked", "escalated"]);
    await t.clock.advance(60_000);
    expect(await t.phases()).toHaveLength(4);
  });

  test("[P-QST-3] [P-QST-11] an answer at one node ends the wait at the other one", async () => {
    await using t = new Pair();
    await t.running();
    const { question } = await t.ask(t.a);
    const waiting = t.b.core.questions.get(t.b.service, "9", question.id, 25_000);
    await t.clock.advance(100);
    await t.a.core.questions.answer(t.a.user("ada"), "9", question.id, { answer: true });
    expect(await t.clock.until(waiting)).toMatchObject({ status: "answered", by: "ada" });
  });

  test("[P-QST-11] asking while the store is away is store_unavailable, and a retry with the key asks once", async () => {
    await using t = new Pair();
    await t.running();
    t.isAway = true;
    await expect(t.ask(t.a, { key: "go" })).rejects.toMatchObject({ code: "store_unavailable" });
    t.isAway = false;
    await t.ask(t.a, { key: "go" });
    expect(await t.phases()).toEqual(["asked"]);
  });
});
