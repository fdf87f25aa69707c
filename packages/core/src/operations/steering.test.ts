import { ManualClock, SeededRandom, SharedEngine } from "@milepost/engine/testing";
import type { CreatedOperation, InputPhase, PendingInput, SendInput } from "@milepost/model";
import { inputBounds } from "@milepost/model";
import { describe, expect, test } from "vitest";
import { type TestCore, testCore } from "../testing/index.ts";
import { report, runningOperation } from "../testing/running-operation.ts";

function send(t: TestCore, { operation }: CreatedOperation, data: unknown, key?: string) {
  const input: SendInput = key === undefined ? { data } : { data, key };
  return t.core.operations.input(t.user("ada"), operation.id, input);
}

function move(t: TestCore, created: CreatedOperation, input_id: string, phase: InputPhase) {
  return report(t, created, "input", { input_id, phase });
}

async function phases(t: TestCore, { operation }: CreatedOperation): Promise<readonly string[]> {
  const { inputs = [] } = (await t.core.operations.get(t.service, operation.id)).operation;
  return inputs.map(({ data, phase }) => `${String(data)} ${phase}`);
}

describe("messages to operations", () => {
  test("[P-STE-1] a message is answered once it is in the log, and its readers see it with its sender", async () => {
    await using t = testCore();
    const created = await runningOperation(t);
    const socket = t.connect({ principal: t.user("ada"), channels: [created.channel] });
    await t.clock.settle();
    socket.take();
    const sent = await send(t, created, { text: "shorter, please" });
    expect(sent).toEqual({ input_id: expect.any(String), phase: "queued" });
    await t.clock.settle();
    expect(socket.take().map(({ data }) => data)).toEqual([
      { input_id: sent.input_id, phase: "queued", data: { text: "shorter, please" }, by: "ada" },
    ]);
  });

  test("[P-STE-1] the same key of the same sender is one message, whatever has become of it, and another sender's is another", async () => {
    await using t = testCore();
    const created = await runningOperation(t);
    const [first, again] = await Promise.all([
      send(t, created, "a", "k"),
      send(t, created, "a", "k"),
    ]);
    expect(again).toEqual(first);
    await move(t, created, first.input_id, "taken");
    await move(t, created, first.input_id, "done");
    expect(await send(t, created, "a", "k")).toEqual({ ...first, phase: "done" });
    const other = { data: "b", key: "k" };
    await t.core.operations.input(t.service, created.operation.id, other);
    expect(await phases(t, created)).toEqual(["a done", "b queued"]);
  });

  test("[P-STE-2] the key of a rejected message is free again once the operation is no longer busy", async () => {
    await using t = testCore();
    const created = await runningOperation(t, { accepts: { inputs: "reject", busy: true } });
    await expect(send(t, created, "a", "k")).rejects.toMatchObject({ code: "busy" });
    await expect(send(t, created, "a", "k")).rejects.toMatchObject({ code: "busy" });
    await report(t, created, "accepts", { busy: false });
    expect(await send(t, created, "a", "k")).toMatchObject({ phase: "queued" });
  });

  test("[P-STE-1] the same key sent through two nodes at once is one message", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    engine.isShared = true;
    const node = (name: string, n: number) =>
      testCore({ clock, random: new SeededRandom(n), node: name, engine: engine.factory });
    await using a = node("a", 1);
    await using b = node("b", 2);
    const created = await runningOperation(a);
    const both = await Promise.all([send(a, created, "x", "k"), send(b, created, "x", "k")]);
    expect(both[1]).toEqual(both[0]);
    expect(both[0]).toMatchObject({ phase: "queued" });
    expect(await phases(b, created)).toEqual(["x queued"]);
  });

  test("[P-STE-2] with the policy reject, of two messages sent through two nodes at once one is taken and the other is busy", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    engine.isShared = true;
    const node = (name: string, n: number) =>
      testCore({ clock, random: new SeededRandom(n), node: name, engine: engine.factory });
    await using a = node("a", 1);
    await using b = node("b", 2);
    const created = await runningOperation(a, { accepts: { inputs: "reject" } });
    const both = await Promise.allSettled([send(a, created, "x"), send(b, created, "y", "k")]);
    const outcomes = both.map((one) =>
      one.status === "fulfilled" ? one.value.phase : (one.reason as { code: string }).code,
    );
    expect(outcomes.toSorted()).toEqual(["busy", "queued"]);
    const { inputs = [] } = (await a.core.operations.get(a.service, created.operation.id))
      .operation;
    expect(inputs.filter(({ phase }) => phase === "queued")).toHaveLength(1);
  });

  test("[P-STE-2] an operation that rejects messages while it is busy answers busy from the first message until that is done", async () => {
    await using t = testCore();
    const created = await runningOperation(t, { accepts: { inputs: "reject", busy: true } });
    await expect(send(t, created, "early")).rejects.toMatchObject({
      code: "busy",
      retryable: true,
    });
    await report(t, created, "accepts", { busy: false });
    const { input_id } = await send(t, created, "a");
    await expect(send(t, created, "b")).rejects.toMatchObject({ code: "busy" });
    await move(t, created, input_id, "taken");
    await expect(send(t, created, "c")).rejects.toMatchObject({ code: "busy" });
    await move(t, created, input_id, "done");
    expect(await send(t, created, "d")).toMatchObject({ phase: "queued" });
    expect(await phases(t, created)).toEqual(["a done", "d queued"]);
  });

  test("[P-STE-2] while 20 messages wait for the producer, one more is rate_limited", async () => {
    await using t = testCore();
    const created = await runningOperation(t);
    for (let n = 0; n < inputBounds.pending; n++) await send(t, created, n);
    await expect(send(t, created, "more")).rejects.toMatchObject({ code: "rate_limited" });
    const [first] = await t.core.operations.pendingInputs(t.service, created.operation.id);
    await move(t, created, first?.input_id ?? "", "done");
    expect(await send(t, created, "more")).toMatchObject({ phase: "queued" });
  });

  test("[P-STE-3] a message to an operation that has ended is not_possible_now, and those that waited are dropped", async () => {
    await using t = testCore();
    const created = await runningOperation(t);
    const { input_id } = await send(t, created, "a");
    await move(t, created, input_id, "taken");
    await send(t, created, "b", "k");
    await report(t, created, "done", {});
    expect(await phases(t, created)).toEqual(["a dropped", "b dropped"]);
    await expect(send(t, created, "c")).rejects.toMatchObject({
      code: "not_possible_now",
      message: "the operation is done; it takes no more messages",
    });
    expect(await send(t, created, "b", "k")).toMatchObject({ phase: "dropped" });
    expect(await t.core.operations.pendingInputs(t.service, created.operation.id)).toEqual([]);
  });

  test("[P-STE-6] whoever may command an operation may send messages to it, and nobody else", async () => {
    await using t = testCore();
    const created = await runningOperation(t);
    const to = (principal: Parameters<typeof t.core.operations.input>[0]) =>
      t.core.operations.input(principal, created.operation.id, { data: 1 });
    await expect(to(t.user("eve"))).rejects.toMatchObject({ code: "not_found" });
    const reader = t.user("eve", { grants: { subscribe: [created.channel], publish: [] } });
    await t.core.operations.get(reader, created.operation.id);
    await expect(to(reader)).rejects.toMatchObject({ code: "forbidden" });
    await expect(to(t.user("ada"))).resolves.toMatchObject({ phase: "queued" });
    await expect(
      t.core.operations.pendingInputs(t.user("ada"), created.operation.id),
    ).rejects.toMatchObject({ code: "forbidden" });
    await expect(t.core.operations.input(t.service, "none", { data: 1 })).rejects.toMatchObject({
      code: "not_found",
    });
  });

  test("[P-STE-1] a message without data, or with more than 16 Ki characters of it, is refused", async () => {
    await using t = testCore();
    const created = await runningOperation(t);
    const limit = inputBounds.data;
    expect(await send(t, created, "x".repeat(limit - 2))).toMatchObject({ phase: "queued" });
    await expect(send(t, created, "x".repeat(limit - 1))).rejects.toMatchObject({
      code: "too_large",
    });
    await expect(send(t, created, undefined)).rejects.toMatchObject({ code: "bad_message" });
  });
});

describe("producers that wait for messages", () => {
  test("[P-STE-4] a waiting producer receives a message as soon as it is sent, and with after only later ones", async () => {
    await using t = testCore();
    const created = await runningOperation(t);
    const { id } = created.operation;
    const first = await send(t, created, "a");
    const [known] = await t.core.operations.pendingInputs(t.service, id, 0, 25_000);
    expect(known).toEqual({
      operation_id: id,
      input_id: first.input_id,
      data: "a",
      by: "ada",
      phase: "queued",
      seq: expect.any(Number),
    });
    let later: readonly PendingInput[] | undefined;
    void t.core.operations.pendingInputs(t.service, id, known?.seq, 25_000).then((found) => {
      later = found;
    });
    await t.clock.advance(5_000);
    await move(t, created, first.input_id, "taken");
    await t.clock.settle();
    expect(later).toBeUndefined();
    await send(t, created, "b");
    await t.clock.settle();
    expect(later).toMatchObject([{ data: "b" }]);
    const all = await t.core.operations.pendingInputs(t.service, id, 0);
    expect(all.map(({ data, phase }) => [data, phase])).toEqual([
      ["a", "taken"],
      ["b", "queued"],
    ]);
  });

  test("[P-STE-4] a wait for messages ends at its timeout, when it is aborted, and when the node shuts down", async () => {
    await using t = testCore();
    const { operation } = await runningOperation(t);
    const ended: string[] = [];
    const wait = (what: string, ms: number, signal?: AbortSignal) =>
      void t.core.operations.pendingInputs(t.service, operation.id, 0, ms, signal).then((found) => {
        ended.push(`${what} ${found.length}`);
      });
    const abort = new AbortController();
    wait("timed", 5_000);
    wait("aborted", 25_000, abort.signal);
    wait("closed", 25_000);
    await t.clock.advance(5_100);
    expect(ended).toEqual(["timed 0"]);
    abort.abort();
    await t.clock.settle();
    expect(ended).toEqual(["timed 0", "aborted 0"]);
    await t.clock.until(t.core.shutdown(0));
    expect(ended).toEqual(["timed 0", "aborted 0", "closed 0"]);
  });

  test("[P-STE-5] the phases of a message only move forward, and only its producer moves them", async () => {
    await using t = testCore();
    const created = await runningOperation(t);
    const { input_id } = await send(t, created, "a");
    for (const phase of ["queued", "rejected", "dropped"] as const) {
      expect(await move(t, created, input_id, phase)).toMatchObject({
        error: { code: "bad_message" },
      });
    }
    expect(await move(t, created, "none", "taken")).toMatchObject({ error: { code: "not_found" } });
    expect(await move(t, created, input_id, "taken")).toMatchObject({ duplicate: false });
    expect(await move(t, created, input_id, "taken")).toMatchObject({ duplicate: true });
    expect(await move(t, created, input_id, "interrupted")).toMatchObject({ duplicate: false });
    expect(await move(t, created, input_id, "done")).toMatchObject({ duplicate: true });
    expect(await phases(t, created)).toEqual(["a interrupted"]);
  });

  test("[P-STE-5] a producer that was replaced cannot take a message", async () => {
    await using t = testCore();
    const created = await runningOperation(t);
    const { input_id } = await send(t, created, "a");
    await t.core.operations.takeOver(t.service, created.operation.id);
    await expect(move(t, created, input_id, "taken")).rejects.toMatchObject({
      code: "stale_lease",
    });
    expect(await phases(t, created)).toEqual(["a queued"]);
  });
});
