import { describe, expect, test } from "vitest";
import { QuestionClosed } from "./asking.ts";
import type { Input } from "./inputs.ts";
import { createProducer } from "./producer.ts";
import { deferred, fixture } from "./testing/fixture.ts";

const work = { kind: "agent", operationId: "op" };

describe("messages to a running operation", () => {
  test("[P-STE-7] the work takes messages one at a time in their order, and each is done when the loop goes on", async () => {
    const { producer, gateway, clock } = fixture();
    const taken: unknown[] = [];
    let goOn = deferred();
    const run = producer.start(work, async (op) => {
      for await (const input of op.inputs()) {
        taken.push(input.data);
        await goOn.promise;
        goOn = deferred();
        if (input.data === "stop") return "stopped";
      }
      return undefined;
    });
    await clock.advance(100);
    for (const data of ["a", "b", "stop"]) gateway.send("op", data);
    await clock.advance(300);
    expect(taken).toEqual(["a"]);
    expect(phases(gateway.state("op"))).toEqual(["a taken", "b queued", "stop queued"]);
    goOn.resolve();
    await clock.advance(300);
    expect(phases(gateway.state("op"))).toEqual(["a done", "b taken", "stop queued"]);
    goOn.resolve();
    await clock.advance(300);
    goOn.resolve();
    await clock.advance(300);
    await expect(run.finished).resolves.toMatchObject({ status: "done", result: "stopped" });
    expect(phases(gateway.state("op"))).toEqual(["a done", "b done", "stop done"]);
  });

  test("[P-STE-7] a message reaches the work only once the gateway has stored that it is taken", async () => {
    const { producer, gateway, clock } = fixture();
    const taken: unknown[] = [];
    producer.start(work, async (op) => {
      for await (const { data } of op.inputs()) taken.push(data);
    });
    await clock.advance(100);
    gateway.fault = (call) => (call === "report" ? "lost_request" : "none");
    gateway.send("op", "a");
    await clock.advance(2_000);
    expect(taken).toEqual([]);
    gateway.fault = () => "none";
    await clock.advance(10_000);
    expect(taken).toEqual(["a"]);
  });

  test("[P-STE-5] [P-STE-7] after a restart, what was not taken comes again, and what was taken is interrupted and never comes again", async () => {
    const first = fixture();
    const { gateway, clock } = first;
    const taken: string[] = [];
    const job =
      (who: string, held: Promise<void>) =>
      async (op: Parameters<Parameters<typeof first.producer.start>[1]>[0]) => {
        for await (const { data } of op.inputs()) {
          taken.push(`${who} ${String(data)}`);
          await held;
        }
      };
    first.producer.start(work, job("first", deferred().promise));
    await clock.advance(100);
    gateway.send("op", "a");
    gateway.send("op", "b");
    await clock.advance(300);
    expect(taken).toEqual(["first a"]);
    gateway.stealLease("op");
    const second = createProducer({ gateway, clock, producerId: "second" });
    second.start(work, job("second", Promise.resolve()));
    await clock.advance(1_000);
    expect(taken).toEqual(["first a", "second b"]);
    expect(phases(gateway.state("op"))).toEqual(["a interrupted", "b done"]);
  });

  test("[P-STE-7] under the policy interrupt, a later message aborts the signal of the one that the work has taken", async () => {
    const { producer, gateway, clock } = fixture();
    const seen: Input[] = [];
    producer.start(work, async (op) => {
      for await (const input of op.inputs({ policy: "interrupt" })) {
        seen.push(input);
        await new Promise((resolve) => input.signal.addEventListener("abort", resolve));
      }
    });
    await clock.advance(100);
    gateway.send("op", "a");
    await clock.advance(300);
    expect(seen[0]?.signal.aborted).toBe(false);
    gateway.send("op", "b");
    await clock.advance(300);
    expect(seen.map(({ data, signal }) => [data, signal.aborted])).toEqual([
      ["a", true],
      ["b", false],
    ]);
    expect(gateway.state("op").accepts).toEqual({ inputs: "interrupt" });
    expect(phases(gateway.state("op"))).toEqual(["a interrupted", "b taken"]);
  });

  test("[P-STE-7] under the policy reject, the operation is busy except while the loop waits", async () => {
    const { producer, gateway, clock } = fixture();
    const held = deferred();
    producer.start(work, async (op) => {
      for await (const _ of op.inputs({ policy: "reject" })) break;
      await held.promise;
    });
    await clock.advance(100);
    expect(gateway.state("op").accepts).toEqual({ inputs: "reject", busy: false });
    gateway.send("op", "a");
    gateway.send("op", "b");
    await clock.advance(300);
    expect(phases(gateway.state("op"))).toEqual(["a done", "b rejected"]);
    expect(gateway.state("op").accepts).toEqual({ inputs: "reject", busy: true });
  });

  test("[P-STE-7] a cancel ends the loop with its reason, and a gateway that forgot the operation hears again what it accepts", async () => {
    const { producer, gateway, clock } = fixture();
    const taken: unknown[] = [];
    const run = producer.start(work, async (op) => {
      for await (const { data } of op.inputs({ policy: "interrupt" })) taken.push(data);
    });
    await clock.advance(100);
    gateway.send("op", "a");
    await clock.advance(1_000);
    gateway.forget();
    await clock.advance(60_000);
    expect(gateway.state("op").accepts).toEqual({ inputs: "interrupt" });
    gateway.send("op", "b");
    await clock.advance(30_000);
    expect(taken).toEqual(["a", "b"]);
    gateway.command("op", "cancel");
    await clock.advance(30_000);
    await expect(run.finished).resolves.toMatchObject({ status: "cancelled" });
  });

  function phases({ inputs = [] }: { inputs?: readonly { data: unknown; phase: string }[] }) {
    return inputs.map(({ data, phase }) => `${String(data)} ${phase}`);
  }
});

describe("commands of an operation's own", () => {
  test("[P-CMD-7] [P-CMD-10] a declared command calls its handler once, and is done when that returns or refused when it throws", async () => {
    const { producer, gateway, clock } = fixture();
    const calls: unknown[] = [];
    const schema = { type: "object" };
    producer.start(work, async (op) => {
      op.onCommand("level", { title: "Level", schema }, (args, { by }) => calls.push([args, by]));
      op.onCommand("fail", () => {
        throw new Error("not now");
      });
      await new Promise(() => {});
    });
    await clock.advance(100);
    expect(gateway.data("op", "accepts")).toEqual([
      { commands: [{ title: "Level", schema, name: "level" }, { name: "fail" }] },
    ]);
    gateway.command("op", "level", { value: 3 });
    gateway.command("op", "fail");
    await clock.advance(1_000);
    expect(calls).toEqual([[{ value: 3 }, undefined]]);
    expect(gateway.state("op").commands).toMatchObject([
      { command: "level", phase: "done" },
      { command: "fail", phase: "refused", reason: "not now" },
    ]);
  });

  test("[P-CMD-10] a command waits 5 s for a handler that the work declares later, and is then refused", async () => {
    const { producer, gateway, clock } = fixture();
    const begun = deferred();
    producer.start(work, async (op) => {
      await begun.promise;
      op.onCommand("late", () => {});
      await new Promise(() => {});
    });
    await clock.advance(100);
    gateway.command("op", "late");
    gateway.command("op", "never");
    await clock.advance(4_000);
    expect(gateway.state("op").commands).toMatchObject([
      { phase: "requested" },
      { phase: "requested" },
    ]);
    begun.resolve();
    await clock.advance(2_000);
    expect(gateway.state("op").commands).toMatchObject([
      { phase: "done" },
      { phase: "refused", reason: "the work knows no command never" },
    ]);
  });
});

describe("questions of an operation", () => {
  test("[P-STE-8] the work goes on with the answer, over a gateway that is away meanwhile", async () => {
    const { producer, gateway, clock } = fixture();
    const run = producer.start(work, (op) =>
      op.ask("Deploy?", { deadlineMs: 3_600_000, default: false }),
    );
    await clock.advance(100);
    gateway.fault = (call) => (call === "question" ? "lost_request" : "none");
    await clock.advance(60_000);
    gateway.settleQuestion("Deploy?", { status: "answered", answer: true });
    gateway.fault = () => "none";
    await clock.advance(60_000);
    await expect(run.finished).resolves.toMatchObject({ status: "done", result: true });
  });

  test("[P-STE-8] a process that runs the same attempt again gets the same questions with their answers, and equal ones apart", async () => {
    const first = fixture();
    const { gateway, clock } = first;
    const job = async (op: Parameters<Parameters<typeof first.producer.start>[1]>[0]) => [
      await op.ask("Sure?"),
      await op.choose("Where?", ["eu", "us"]),
      await op.ask("Sure?"),
    ];
    first.producer.start(work, job);
    await clock.advance(100);
    expect(gateway.questions.size).toBe(1);
    gateway.settleQuestion("Sure?", { status: "answered", answer: true });
    await clock.advance(1_000);
    expect(gateway.questions.size).toBe(2);
    gateway.stealLease("op");
    const second = createProducer({ gateway, clock, producerId: "second" });
    const run = second.start(work, job);
    await clock.advance(1_000);
    expect(gateway.questions.size).toBe(2);
    gateway.settleQuestion("Where?", { status: "answered", answer: "eu" });
    await clock.advance(1_000);
    expect(gateway.questions.size).toBe(3);
    gateway.settleQuestion("Sure?", { status: "answered", answer: false });
    await clock.advance(30_000);
    await expect(run.finished).resolves.toMatchObject({ result: [true, "eu", false] });
  });

  test("[P-STE-8] a question that ends without an answer rejects, and a cancel ends the wait", async () => {
    const { producer, gateway, clock } = fixture();
    let closed: unknown;
    const run = producer.start(work, async (op) => {
      await op.input("Why?").catch((error: unknown) => {
        closed = error;
      });
      await op.ask("Sure?");
    });
    await clock.advance(100);
    gateway.settleQuestion("Why?", { status: "expired", answer: undefined });
    await clock.advance(1_000);
    expect(closed).toBeInstanceOf(QuestionClosed);
    expect(closed).toMatchObject({ question: { status: "expired" } });
    gateway.command("op", "cancel");
    await clock.advance(30_000);
    await expect(run.finished).resolves.toMatchObject({ status: "cancelled" });
  });

  test("[P-STE-8] work that was lost goes on as the next attempt in another process, and asks anew", async () => {
    const first = fixture();
    const { gateway, clock } = first;
    first.producer.start(work, (op) => op.ask("Sure?"));
    await clock.advance(100);
    gateway.publish("op", "lost");
    gateway.stealLease("op");
    const second = createProducer({ gateway, clock, producerId: "second" });
    second.start(work, (op) => op.ask("Sure?"));
    await clock.advance(1_000);
    expect(gateway.state("op")).toMatchObject({ status: "running", attempt: 2 });
    expect(gateway.questions.size).toBe(2);
  });
});
