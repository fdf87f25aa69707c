import { ManualClock, SeededRandom, SharedEngine } from "@milepost/engine/testing";
import type { OperationState } from "@milepost/model";
import { describe, expect, test } from "vitest";
import { RecordingMeter, type TestCore, testCore } from "../testing/index.ts";

async function create(node: TestCore, id: string, rest: object = {}): Promise<string> {
  const input = { kind: "k", operation_id: id, lease_ms: 3_600_000, user_id: "7", ...rest };
  const { lease } = await node.core.operations.create(node.service, input);
  await report(node, id, lease.token, ["started", {}]);
  return lease.token;
}

async function report(node: TestCore, id: string, lease: string, ...events: [string, object][]) {
  const reported = events.map(([event, data]) => ({ event, data }));
  return node.core.operations.report(node.service, id, { lease, events: reported });
}

async function stateOf(node: TestCore, id: string): Promise<OperationState> {
  return (await node.core.operations.get(node.service, id)).operation;
}

async function questionsOf(node: TestCore, id: string) {
  return (await node.core.questions.ofOperation(node.service, id)).questions;
}

const events: Readonly<Record<string, string>> = {
  pause: "paused",
  resume: "resumed",
  cancel: "cancelled",
};

/** Does what a producer does with the commands of an operation, and returns their names. */
async function obey(node: TestCore, id: string, lease: string): Promise<readonly string[]> {
  const commands = await node.core.operations.pendingCommands(node.service, { operation: id }, 0);
  for (const { command_id, command } of commands) {
    await report(
      node,
      id,
      lease,
      ["command", { command_id, command, phase: "acknowledged" }],
      [events[command] ?? "log", {}],
      ["command", { command_id, command, phase: "done" }],
    );
  }
  return commands.map(({ command }) => command);
}

const spend = (add: string): [string, object] => ["count", { name: "tokens", add }];
const budget = { counter: "tokens", limit: "100" };

function pair() {
  const clock = new ManualClock();
  const engine = new SharedEngine(clock, new SeededRandom());
  engine.isShared = true;
  const meters: RecordingMeter[] = [];
  const node = (name: string, seed: number, factory = engine.factory) => {
    const meter = new RecordingMeter();
    meters.push(meter);
    return testCore({ clock, random: new SeededRandom(seed), node: name, engine: factory, meter });
  };
  const counted = (phase: string) =>
    meters.reduce((sum, meter) => sum + meter.count("milepost_budgets_total", { phase }), 0);
  return { clock, engine, node, counted };
}

async function answer(node: TestCore, id: string, said: string): Promise<void> {
  const open = (await questionsOf(node, id)).find(({ status }) => status === "open");
  await node.core.questions.answer(node.user("7"), id, open?.id ?? "", { answer: said });
}

describe("budgets of operations", () => {
  test("[P-BUD-1] [P-BUD-2] passing a budget pauses the work and asks once, and an answer raises the limit and lets it go on", async () => {
    await using node = testCore();
    const lease = await create(node, "a", { budget });
    await report(node, "a", lease, spend("100"));
    expect(await questionsOf(node, "a")).toEqual([]);
    await report(node, "a", lease, spend("1"));
    await node.clock.advance(100);
    await report(node, "a", lease, spend("50"));
    await node.clock.advance(10_000);
    const questions = await questionsOf(node, "a");
    expect(questions).toMatchObject([{ kind: "choose", status: "open", prompt: /101 of 100/ }]);
    expect(questions[0]?.options?.map((one) => one.id)).toEqual(["raise", "continue", "stop"]);
    expect((await stateOf(node, "a")).budget).toMatchObject({
      limit: "100",
      spent: "101",
      question_id: questions[0]?.id,
    });
    expect(await obey(node, "a", lease)).toEqual(["pause"]);
    expect((await stateOf(node, "a")).status).toBe("paused");
    await answer(node, "a", "raise");
    await node.clock.advance(100);
    expect((await stateOf(node, "a")).budget).toEqual({ counter: "tokens", limit: "200" });
    expect(await obey(node, "a", lease)).toEqual(["resume"]);
    expect((await stateOf(node, "a")).status).toBe("running");
    await report(node, "a", lease, spend("200"));
    await node.clock.advance(100);
    expect(await questionsOf(node, "a")).toHaveLength(2);
    expect(await obey(node, "a", lease)).toEqual(["pause"]);
    await answer(node, "a", "continue");
    await node.clock.advance(100);
    expect(await obey(node, "a", lease)).toEqual(["resume"]);
    await report(node, "a", lease, spend("900000"));
    await node.clock.advance(10_000);
    expect(await questionsOf(node, "a")).toHaveLength(2);
    expect((await stateOf(node, "a")).status).toBe("running");
  });

  test("[P-BUD-2] the answer to stop cancels the work", async () => {
    await using node = testCore();
    const lease = await create(node, "a", { budget });
    await report(node, "a", lease, spend("101"));
    await node.clock.advance(100);
    await obey(node, "a", lease);
    await answer(node, "a", "stop");
    await node.clock.advance(100);
    expect((await stateOf(node, "a")).budget).toMatchObject({ stopped: true });
    expect(await obey(node, "a", lease)).toEqual(["cancel"]);
    expect((await stateOf(node, "a")).status).toBe("cancelled");
    await node.clock.advance(60_000);
    expect(await questionsOf(node, "a")).toHaveLength(1);
  });

  test("[P-BUD-3] a budget of a parent counts its whole tree, and pauses and resumes the work below it", async () => {
    await using node = testCore();
    const root = await create(node, "root", { budget });
    await create(node, "mid", { parent: "root" });
    const a = await create(node, "a", { parent: "mid" });
    const b = await create(node, "b", { parent: "mid" });
    await report(node, "a", a, spend("60"));
    await report(node, "b", b, spend("60"));
    await node.clock.advance(2_000);
    expect(await questionsOf(node, "root")).toHaveLength(1);
    expect(await obey(node, "root", root)).toEqual(["pause"]);
    expect(await obey(node, "a", a)).toEqual(["pause"]);
    expect(await obey(node, "b", b)).toEqual(["pause"]);
    const late = await create(node, "late", { parent: "mid" });
    await node.clock.advance(2_000);
    expect(await obey(node, "late", late)).toEqual(["pause"]);
    await answer(node, "root", "raise");
    await node.clock.advance(2_000);
    for (const [id, lease] of [
      ["root", root],
      ["a", a],
      ["b", b],
      ["late", late],
    ] as const) {
      expect(await obey(node, id, lease)).toEqual(["resume"]);
    }
    await node.clock.advance(30_000);
    expect(await questionsOf(node, "root")).toHaveLength(1);
    for (const id of ["root", "a", "b", "late"]) {
      expect((await stateOf(node, id)).status).toBe("running");
    }
  });

  test("[P-BUD-4] two nodes that see the same budget pass ask once, and so does a node that takes over from a dead one", async () => {
    const { clock, engine, node, counted } = pair();
    const mortal = engine.mortal();
    await using a = node("a", 1, mortal.factory);
    await using b = node("b", 2);
    await clock.advance(2_100);
    const lease = await create(a, "o", { budget });
    await Promise.all([report(a, "o", lease, spend("90")), report(b, "o", lease, spend("90"))]);
    await clock.advance(50);
    expect(await questionsOf(b, "o")).toHaveLength(1);
    const { entries } = await b.core.channels.history(b.service, "operation:o", { since: "start" });
    expect(entries.filter(({ event }) => event === "budget")).toHaveLength(1);
    expect(counted("passed")).toBe(1);
    const second = await create(a, "p", { budget });
    await report(a, "p", second, spend("101"));
    mortal.die();
    await clock.advance(30_000);
    expect(await questionsOf(b, "p")).toHaveLength(1);
    expect((await stateOf(b, "p")).budget?.question_id).toBeDefined();
    expect(await obey(b, "p", second)).toEqual(["pause"]);
    await answer(b, "p", "continue");
    await clock.advance(100);
    expect(await obey(b, "p", second)).toEqual(["resume"]);
    expect([counted("passed"), counted("extended"), counted("stopped")]).toEqual([2, 1, 0]);
  });

  test("[P-BUD-4] a producer that was away gets the pause when it is back, and a new attempt beyond the limit is asked about anew", async () => {
    await using node = testCore();
    const lease = await create(node, "a", { budget });
    await report(node, "a", lease, spend("101"));
    await node.clock.advance(40_000);
    expect(await obey(node, "a", lease)).toEqual(["pause"]);
    await report(node, "a", lease, [
      "failed",
      { error: { code: "x", message: "x", retryable: true } },
    ]);
    await node.clock.advance(5_000);
    expect(await questionsOf(node, "a")).toMatchObject([{ status: "withdrawn" }]);
    await report(node, "a", lease, ["started", { attempt: 2 }]);
    await node.clock.advance(1_000);
    expect(await questionsOf(node, "a")).toMatchObject([
      { status: "open" },
      { status: "withdrawn" },
    ]);
    expect(await obey(node, "a", lease)).toEqual(["pause"]);
  });

  test("[P-BUD-4] once a service has withdrawn the question, work that begins below is left alone", async () => {
    await using node = testCore();
    const root = await create(node, "root", { budget });
    const lease = await create(node, "a", { parent: "root" });
    await report(node, "a", lease, spend("101"));
    await node.clock.advance(2_000);
    expect(await obey(node, "root", root)).toEqual(["pause"]);
    expect(await obey(node, "a", lease)).toEqual(["pause"]);
    const [question] = await questionsOf(node, "root");
    await node.core.questions.withdraw(node.service, "root", question?.id ?? "");
    await node.clock.advance(2_000);
    const late = await create(node, "late", { parent: "root" });
    await node.clock.advance(10_000);
    expect((await stateOf(node, "late")).commands).toEqual([]);
    expect(await obey(node, "late", late)).toEqual([]);
  });

  test("[P-BUD-4] work below goes on when an operation whose budget was passed has ended", async () => {
    await using node = testCore();
    const root = await create(node, "root", { budget });
    await create(node, "a", { parent: "root" });
    await report(node, "root", root, ["paused", {}], spend("101"), ["done", {}]);
    await node.clock.advance(10_000);
    expect((await stateOf(node, "a")).commands).toEqual([]);
  });

  test("[P-BUD-2] work that a person has paused stays paused when the budget is raised", async () => {
    await using node = testCore();
    const lease = await create(node, "a", { budget });
    await report(node, "a", lease, ["paused", {}], spend("101"));
    await node.clock.advance(100);
    await answer(node, "a", "raise");
    await node.clock.advance(30_000);
    expect(await obey(node, "a", lease)).toEqual([]);
    expect((await stateOf(node, "a")).status).toBe("paused");
  });

  test("[P-BUD-2] a budget that passes while a person has paused the work asks, and pauses nothing again", async () => {
    await using node = testCore();
    const lease = await create(node, "a", { budget });
    await report(node, "a", lease, ["paused", {}], spend("101"));
    await node.clock.advance(10_000);
    expect(await questionsOf(node, "a")).toHaveLength(1);
    expect(await obey(node, "a", lease)).toEqual([]);
    await report(node, "a", lease, ["resumed", {}]);
    await node.clock.advance(10_000);
    expect(await obey(node, "a", lease)).toEqual(["pause"]);
  });

  test("[P-BUD-1] keys of the gateway's own questions cannot be used by producers", async () => {
    await using node = testCore();
    await create(node, "a", { budget });
    const ask = { kind: "approve" as const, prompt: "?", key: "gateway:budget:100" };
    await expect(node.core.questions.ask(node.service, "a", ask)).rejects.toMatchObject({
      code: "bad_message",
    });
  });
});
