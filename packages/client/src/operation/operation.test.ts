import type { OperationEvent, OperationState, OperationSummary } from "@milepost/model";
import { reduceOperation } from "@milepost/model";
import { describe, expect, it } from "vitest";
import type { Client } from "../client.ts";
import { createClient } from "../create-client.ts";
import { connectedClient, ManualClock, ScriptedGateway, settle } from "../testing/index.ts";
import { CommandError } from "./command-error.ts";

const at = (offset: number, epoch = "e1") => `${epoch}.${offset}.t${offset}`;

const created: OperationEvent = {
  event: "created",
  data: {
    operation_id: "9",
    kind: "index",
    title: "Index",
    steps: [{ id: "scan" }, { id: "embed" }],
  },
};

function fold(...events: OperationEvent[]): OperationState {
  let state: OperationState | undefined;
  events.forEach(({ event, data }, i) => {
    state = reduceOperation(state, { event, data, ts: 1_000 + i, offset: i + 1 });
  });
  if (state === undefined) throw new Error("nothing was folded");
  return state;
}

const pending = {
  channel: "operation:9",
  position: "pending.0.0",
  recovered: false,
  pending: true,
} as const;
const subscribed = { type: "subscribed", channel: "operation:9", recovered: false } as const;
const stateOf = (state: OperationState | null) => ({ projection: "operation", state });

async function setUp({ sessionId = "s1" as string | null } = {}) {
  const { client, gateway, clock, errors } = await connectedClient({}, { session_id: sessionId });
  const event = (offset: number, name: string, data: object, channel = "operation:9") => ({
    type: "event",
    channel,
    position: at(offset),
    event: name,
    data,
    ts: 2_000 + offset,
  });
  const answer = async (offset: number, state: unknown) => {
    await settle();
    await gateway.last.reply(gateway.last.take("subscribe"), {
      channel: "operation:9",
      position: at(offset),
      recovered: false,
      snapshot: { projection: "operation", state },
    });
  };
  const reconnect = async () => {
    await gateway.last.drop();
    await clock.advance(16_000);
    await gateway.last.accept();
    await settle();
  };
  return { clock, gateway, client, errors, event, answer, reconnect };
}

const running = fold(created, { event: "started", data: {} });

describe("an operation", () => {
  it("an operation's view goes from loading to ready, folds later events, and keeps its identity between changes", async () => {
    const { client, gateway, event, answer } = await setUp();
    const operation = client.operation("9");
    let told = 0;
    operation.subscribe(() => told++);
    expect(operation.view).toEqual({ kind: "loading" });
    await answer(2, running);
    const { view } = operation;
    expect(view).toEqual({ kind: "ready", state: running, stale: false });
    expect(operation.getSnapshot()).toBe(view);
    told = 0;
    await gateway.last.sayTogether(
      event(3, "step", { id: "scan", percent: 50 }),
      event(4, "step", { id: "scan", status: "done" }),
    );
    expect(operation.state).toMatchObject({ percent: 50, offset: 4 });
    expect(operation.view).not.toBe(view);
    expect(told).toBe(1);
  });

  it("all watchers of an operation share one handle and one subscription", async () => {
    const { client, gateway } = await setUp();
    expect(client.operation("9")).toBe(client.operation("9"));
    const stop = [1, 2].map(() => client.operation("9").subscribe(() => {}));
    await settle();
    expect(gateway.last.count("subscribe")).toBe(1);
    for (const end of stop) end();
    for (const end of stop) end();
    await settle();
    expect(gateway.last.count("unsubscribe")).toBe(1);
  });

  it("[TRAP-11] [P-SUB-3] an operation's view is stale while disconnected, and the subscription resumes from its position", async () => {
    const { client, gateway, event, answer, reconnect } = await setUp();
    const operation = client.operation("9");
    operation.subscribe(() => {});
    await answer(2, running);
    await gateway.last.say(event(3, "step", { id: "scan", percent: 50 }));
    await gateway.last.drop();
    expect(operation.view).toMatchObject({ kind: "ready", stale: true });
    await reconnect();
    const resume = gateway.last.take("subscribe");
    expect(resume.since).toBe(at(3));
    await gateway.last.reply(resume, { position: at(3), recovered: true });
    await gateway.last.say(event(4, "step", { id: "scan", status: "done" }));
    expect(operation.view).toMatchObject({ kind: "ready", stale: false, state: { offset: 4 } });
  });

  it("[P-SUB-4] a reset's snapshot replaces an operation's state when its subscription cannot resume", async () => {
    const { client, gateway, answer, reconnect } = await setUp();
    const operation = client.operation("9");
    operation.subscribe(() => {});
    await answer(2, running);
    await reconnect();
    const state = { ...running, status: "done", percent: 100, offset: 7 };
    await gateway.last.reply(gateway.last.take("subscribe"), {
      position: at(7, "e2"),
      recovered: false,
      reason: "epoch_changed",
      snapshot: { projection: "operation", state },
    });
    expect(operation.state).toEqual(state);
  });

  it("an operation handle without listeners sends no subscribe", async () => {
    const { client, gateway } = await setUp();
    expect(client.operation("9").view).toEqual({ kind: "loading" });
    await settle();
    expect(gateway.last.count("subscribe")).toBe(0);
  });

  it("an operation that is watched again later resumes from its last position", async () => {
    const { client, gateway, answer } = await setUp();
    const operation = client.operation("9");
    const stop = operation.subscribe(() => {});
    await answer(2, running);
    stop();
    expect(operation.view).toMatchObject({ kind: "ready", stale: true });
    await settle();
    operation.subscribe(() => {});
    await settle();
    expect(gateway.last.take("subscribe").since).toBe(at(2));
  });

  it("[P-OP-9] an operation that has not begun is pending, becomes ready by itself, and finished() waits for it", async () => {
    const { client, gateway, event } = await setUp();
    const operation = client.operation("9");
    const finished = operation.finished();
    await settle();
    await gateway.last.reply(gateway.last.take("subscribe"), pending);
    expect(operation.view).toEqual({ kind: "pending" });
    await gateway.last.say({ ...subscribed, position: at(1), snapshot: stateOf(fold(created)) });
    expect(operation.view).toMatchObject({ kind: "ready", stale: false, state: { id: "9" } });
    await gateway.last.say(event(2, "done", {}));
    expect(await finished).toMatchObject({ status: "done" });
    expect(gateway.last.count("subscribe")).toBe(0);
  });

  it("[P-OP-9] [P-OP-10] an operation that the gateway has forgotten stays as it was, stale, until it is known again", async () => {
    const { client, gateway, event, answer, reconnect } = await setUp();
    const operation = client.operation("9");
    operation.subscribe(() => {});
    await answer(2, running);
    await gateway.last.say({ ...subscribed, ...pending });
    expect(operation.view).toEqual({ kind: "ready", state: running, stale: true });
    await reconnect();
    const again = gateway.last.take("subscribe");
    expect(again.since).toBe(at(2));
    await gateway.last.reply(again, pending);
    expect(operation.view).toEqual({ kind: "ready", state: running, stale: true });
    const state = fold(created);
    const reason = "epoch_changed";
    await gateway.last.say({
      ...subscribed,
      position: at(1, "e2"),
      reason,
      snapshot: stateOf(state),
    });
    expect(operation.view).toEqual({
      kind: "ready",
      state,
      stale: false,
      missed: { reason, replaced: true },
    });
    await gateway.last.say({ ...event(2, "started", {}), position: at(2, "e2") });
    expect(operation.state).toMatchObject({ status: "running", offset: 2 });
  });

  it("[P-OP-9] an operation whose log began anew without it stays as it was, stale, until its first event", async () => {
    const { client, gateway, event, answer, reconnect } = await setUp();
    const operation = client.operation("9");
    operation.subscribe(() => {});
    await answer(2, running);
    await reconnect();
    await gateway.last.reply(gateway.last.take("subscribe"), {
      position: at(0, "e2"),
      recovered: false,
      reason: "epoch_changed",
      snapshot: stateOf(null),
    });
    expect(operation.view).toMatchObject({ kind: "ready", state: running, stale: true });
    await gateway.last.say({ ...event(1, "created", created.data), position: at(1, "e2") });
    expect(operation.view).toMatchObject({
      kind: "ready",
      stale: false,
      state: { status: "waiting", offset: 1 },
    });
  });

  it("[P-SUB-9] an operation's view reports missed entries, and whether a new snapshot replaced the state", async () => {
    const { client, gateway, event, answer, reconnect } = await setUp();
    const operation = client.operation("9");
    operation.subscribe(() => {});
    await answer(2, running);
    expect(operation.view).not.toHaveProperty("missed");
    await gateway.last.say({
      type: "gap",
      channel: "operation:9",
      from: at(2),
      to: at(4),
      reason: "trimmed",
    });
    await gateway.last.say(event(5, "progress", { percent: 40 }));
    expect(operation.view).toMatchObject({ missed: { reason: "trimmed", replaced: false } });
    await reconnect();
    await gateway.last.reply(gateway.last.take("subscribe"), {
      channel: "operation:9",
      position: at(9),
      recovered: false,
      reason: "limit",
      snapshot: { projection: "operation", state: running },
    });
    expect(operation.view).toMatchObject({
      missed: { reason: "limit", replaced: true },
      state: running,
    });
  });

  it("an operation resumes from its position when a closed client connects again", async () => {
    const { client, gateway, event, answer } = await setUp();
    const operation = client.operation("9");
    operation.subscribe(() => {});
    await answer(2, running);
    await client.close();
    await settle();
    expect(operation.view).toMatchObject({ kind: "ready", stale: true });
    client.connect();
    await settle();
    await gateway.last.accept();
    await settle();
    const again = gateway.last.take("subscribe");
    expect(again).toMatchObject({ channel: "operation:9", since: at(2) });
    await gateway.last.reply(again, {
      channel: "operation:9",
      position: at(2),
      recovered: true,
    });
    await gateway.last.say(event(3, "done", {}));
    expect(operation.view).toMatchObject({ stale: false, state: { status: "done" } });
    expect(gateway.last.count("subscribe")).toBe(0);
  });

  it("an operation's view is missing until the operation's first event arrives", async () => {
    const { client, gateway, event, answer } = await setUp();
    const operation = client.operation("9");
    operation.subscribe(() => {});
    await answer(0, null);
    expect(operation.view).toEqual({ kind: "missing" });
    await gateway.last.say(event(1, "created", created.data));
    expect(operation.view).toMatchObject({ kind: "ready", state: { status: "waiting" } });
  });

  it("[P-NAME-1] an operation id that makes no valid channel name is refused at once", async () => {
    const { client } = await setUp();
    expect(() => client.operation("a:b")).toThrow(/cannot be the id/);
  });

  it("finished() resolves when the status is final, and rejects when its signal aborts", async () => {
    const { client, gateway, event, answer } = await setUp();
    const operation = client.operation("9");
    const controller = new AbortController();
    const given = operation.finished({ signal: controller.signal });
    const finished = operation.finished();
    await answer(2, running);
    controller.abort(new Error("no longer"));
    await expect(given).rejects.toThrow("no longer");
    await gateway.last.say(event(3, "done", { result: 42 }));
    await expect(finished).resolves.toMatchObject({ status: "done", result: 42 });
    await settle();
    expect(gateway.last.count("unsubscribe")).toBe(1);
  });
});

describe("a command to an operation", () => {
  async function give(name: "cancel" | "pause") {
    const world = await setUp();
    const { client, gateway, answer } = world;
    const phases: string[] = [];
    const outcome = client.operation("9")[name]({ onPhase: (phase) => phases.push(phase) });
    await answer(2, running);
    const request = gateway.last.take("request");
    const phase = (offset: number, data: object) =>
      world.event(offset, "command", { command_id: "c1", command: name, ...data });
    return { ...world, outcome, phases, request, phase };
  }

  it("[P-CMD-1] a command resolves when the producer has done it, not when the gateway has logged it", async () => {
    const { gateway, outcome, phases, request, phase } = await give("cancel");
    expect(request).toMatchObject({
      method: "operations.command",
      params: { operation_id: "9", command: "cancel", key: expect.any(String) },
    });
    let settled = false;
    void outcome.then(() => {
      settled = true;
    });
    await gateway.last.say(phase(3, { phase: "requested" }));
    await gateway.last.reply(request, { command_id: "c1", phase: "requested" });
    await gateway.last.say(phase(4, { phase: "acknowledged" }));
    expect(settled).toBe(false);
    await gateway.last.say(phase(5, { phase: "done" }));
    await expect(outcome).resolves.toMatchObject({ id: "c1", phase: "done" });
    expect(phases).toEqual(["requested", "acknowledged", "done"]);
  });

  it("[P-CMD-7] [P-CMD-8] a command of the operation's own is sent with its arguments, and one that repeats another follows that", async () => {
    const world = await setUp();
    const { client, gateway, answer } = world;
    const phases: string[] = [];
    const outcome = client
      .operation("9")
      .command("level", { args: { value: 3 }, onPhase: (phase) => phases.push(phase) });
    await answer(2, running);
    const request = gateway.last.take("request");
    expect(request).toMatchObject({
      method: "operations.command",
      params: { operation_id: "9", command: "level", args: { value: 3 }, key: expect.any(String) },
    });
    const phase = (offset: number, what: string) =>
      world.event(offset, "command", { command_id: "c0", command: "level", phase: what });
    await gateway.last.say(phase(3, "requested"));
    await gateway.last.say(phase(4, "acknowledged"));
    await gateway.last.reply(request, { command_id: "c0", phase: "acknowledged" });
    await gateway.last.say(phase(5, "done"));
    await expect(outcome).resolves.toMatchObject({ id: "c0", phase: "done" });
    expect(phases.at(-1)).toBe("done");
  });

  it("[P-STE-1] a message resolves with its id once the gateway has stored it, and is sent again under one key", async () => {
    const { client, gateway } = await setUp();
    const sent = client.operation("9").input({ text: "shorter" });
    await settle();
    const request = gateway.last.take("request");
    expect(request).toMatchObject({
      method: "operations.input",
      params: { operation_id: "9", data: { text: "shorter" }, key: expect.any(String) },
    });
    await gateway.last.reply(request, { input_id: "i1", phase: "queued" });
    await expect(sent).resolves.toEqual({ input_id: "i1", phase: "queued" });
  });

  it("[P-CMD-4] each phase of a command is reported once, even if phases arrive in one frame or before the reply", async () => {
    const { gateway, outcome, phases, request, phase } = await give("cancel");
    await gateway.last.sayTogether(
      phase(3, { phase: "requested" }),
      phase(4, { phase: "acknowledged" }),
      { type: "reply", id: request.id, result: { command_id: "c1", phase: "requested" } },
      phase(5, { phase: "acknowledged" }),
      phase(6, { phase: "done" }),
    );
    await expect(outcome).resolves.toMatchObject({ phase: "done" });
    expect(phases).toEqual(["requested", "acknowledged", "done"]);
  });

  it("[P-CMD-1] a command rejects with the producer's reason when the producer refuses it", async () => {
    const { gateway, outcome, request, phase } = await give("pause");
    await gateway.last.reply(request, { command_id: "c1", phase: "requested" });
    await gateway.last.say(phase(3, { phase: "requested" }));
    await gateway.last.say(phase(4, { phase: "refused", reason: "cannot stop mid-write" }));
    await expect(outcome).rejects.toThrow("cannot stop mid-write");
    await expect(outcome).rejects.toBeInstanceOf(CommandError);
  });

  it("[P-CMD-3] a command rejects with timed_out when no producer carries it out in time", async () => {
    const { gateway, outcome, request, phase } = await give("cancel");
    await gateway.last.say(phase(3, { phase: "requested" }), phase(4, { phase: "timed_out" }));
    await gateway.last.reply(request, { command_id: "c1", phase: "requested" });
    await expect(outcome).rejects.toMatchObject({ code: "timed_out" });
  });

  it("[P-CMD-2] a command rejects at once when the status does not allow it, and its subscription ends", async () => {
    const { gateway, outcome, request } = await give("cancel");
    await gateway.last.refuse(request, { code: "not_possible_now" });
    await expect(outcome).rejects.toMatchObject({ code: "not_possible_now" });
    await settle();
    expect(gateway.last.count("unsubscribe")).toBe(1);
  });

  it("[P-CMD-5] a command is sent again with the same key when the connection breaks before the reply", async () => {
    const { gateway, outcome, request, reconnect, phase } = await give("cancel");
    await reconnect();
    const again = gateway.last.take("request");
    expect(again.params).toEqual(request.params);
    await gateway.last.reply(gateway.last.take("subscribe"), { position: at(2), recovered: true });
    await gateway.last.reply(again, { command_id: "c1", phase: "requested" });
    await gateway.last.say(phase(3, { phase: "requested" }), phase(4, { phase: "done" }));
    await expect(outcome).resolves.toMatchObject({ phase: "done" });
  });

  it("aborting the wait for a command's outcome ends its subscription", async () => {
    const { client, gateway, answer } = await setUp();
    const controller = new AbortController();
    const outcome = client.operation("9").cancel({ signal: controller.signal });
    await answer(2, running);
    await gateway.last.reply(gateway.last.take("request"), { command_id: "c1" });
    controller.abort(new Error("left the page"));
    await expect(outcome).rejects.toThrow("left the page");
    await settle();
    expect(gateway.last.count("unsubscribe")).toBe(1);
  });
});

const summary = (id: string, percent: number, created_at = 1): OperationSummary => ({
  operation_id: id,
  kind: "index",
  title: id,
  status: "running",
  attempt: 1,
  percent,
  warnings: 0,
  errors: 0,
  created_at,
  updated_at: created_at,
});

describe("the list of operations", () => {
  it("[P-OP-6] the operation list comes from the session's channel, newest first, and follows later events", async () => {
    const { client, gateway, event } = await setUp();
    const list = client.operations();
    list.subscribe(() => {});
    expect(list.view).toEqual({ kind: "loading" });
    await settle();
    const subscribe = gateway.last.take("subscribe");
    expect(subscribe).toMatchObject({ channel: "session:s1", events: ["operation"] });
    const state = { a: summary("a", 10, 1), b: summary("b", 0, 2) };
    await gateway.last.reply(subscribe, {
      position: at(2),
      recovered: false,
      snapshot: {
        projection: "personal",
        state: { operations: state, notifications: [], errors: [] },
      },
    });
    expect(list.view).toEqual({ kind: "ready", operations: [state.b, state.a], stale: false });
    await gateway.last.say(event(3, "operation", summary("a", 60, 1), "session:s1"));
    await gateway.last.say(event(4, "operation", summary("c", 0, 3), "session:s1"));
    const { view } = list;
    expect(view.kind === "ready" && view.operations.map((one) => [one.title, one.percent])).toEqual(
      [
        ["c", 0],
        ["b", 0],
        ["a", 60],
      ],
    );
    expect(list.getSnapshot()).toBe(view);
  });

  it("[P-OP-6] the operation list keeps the 100 operations that changed last, as the gateway does", async () => {
    const { client, gateway, event } = await setUp();
    const list = client.operations();
    list.subscribe(() => {});
    await settle();
    await gateway.last.reply(gateway.last.take("subscribe"), { position: at(0), recovered: false });
    for (let n = 1; n <= 130; n++) {
      await gateway.last.say(event(n, "operation", summary(`op${n}`, 0, n), "session:s1"));
    }
    await gateway.last.say(event(131, "operation", summary("op31", 50, 31), "session:s1"));
    const { view } = list;
    const ids = view.kind === "ready" ? view.operations.map((one) => one.operation_id) : [];
    expect(ids).toHaveLength(100);
    expect(ids[0]).toBe("op130");
    expect(ids.at(-1)).toBe("op31");
  });

  it("[P-OP-6] the operation list holds the operations of the session and of the user, each once, as changed last", async () => {
    const { client, gateway, event } = await setUp();
    const list = client.operations();
    list.subscribe(() => {});
    await settle();
    const [session, user] = [gateway.last.take("subscribe"), gateway.last.take("subscribe")];
    expect([session.channel, user.channel]).toEqual(["session:s1", "user:u1"]);
    const state = { both: summary("both", 10, 1) };
    const snapshot = { projection: "keyed:operation_id", state };
    await gateway.last.reply(session, { position: at(1), recovered: false, snapshot });
    expect(list.view).toMatchObject({ kind: "ready", operations: [state.both], stale: false });
    const later = { ...summary("both", 20, 1), updated_at: 5 };
    const ofUser = { both: later, mine: summary("mine", 0, 2) };
    await gateway.last.reply(user, {
      position: at(2),
      recovered: false,
      snapshot: { projection: "keyed:operation_id", state: ofUser },
    });
    expect(list.view).toEqual({ kind: "ready", operations: [ofUser.mine, later], stale: false });
    const latest = { ...summary("both", 30, 1), updated_at: 6 };
    await gateway.last.say(event(2, "operation", latest, "session:s1"));
    expect(list.view).toMatchObject({ operations: [ofUser.mine, latest] });
    await gateway.last.drop();
    expect(list.view).toMatchObject({ kind: "ready", stale: true });
  });

  it("the operation list shows the operations of one channel while the other is refused or has not answered", async () => {
    const { client, gateway } = await setUp();
    const list = client.operations();
    list.subscribe(() => {});
    await settle();
    const [session, user] = [gateway.last.take("subscribe"), gateway.last.take("subscribe")];
    await gateway.last.reply(session, { position: at(0), recovered: false });
    expect(list.view).toEqual({ kind: "loading" });
    await gateway.last.refuse(user, { code: "forbidden" });
    expect(list.view).toEqual({ kind: "ready", operations: [], stale: false });
  });

  it("the operation list shows the error when both channels are refused", async () => {
    const { client, gateway } = await setUp();
    const list = client.operations();
    list.subscribe(() => {});
    await settle();
    await gateway.last.refuse(gateway.last.take("subscribe"), { code: "forbidden" });
    expect(list.view).toEqual({ kind: "loading" });
    await gateway.last.refuse(gateway.last.take("subscribe"), { code: "forbidden" });
    expect(list.view).toMatchObject({ kind: "error", error: { code: "forbidden" } });
  });

  it("the operation list and notifications connect a client on first use, and not one that was closed", async () => {
    for (const use of [
      (client: Client) => client.operations().subscribe(() => {}),
      (client: Client) => client.notifications.subscribe(() => {}),
    ]) {
      const gateway = new ScriptedGateway();
      const client = createClient({
        url: "ws://gateway.test/ws",
        webSocket: gateway.webSocket,
        clock: new ManualClock(),
      });
      use(client);
      await settle();
      expect(gateway.sockets).toHaveLength(1);
      await gateway.last.accept();
      await settle();
      expect(gateway.last.count("subscribe")).toBe(2);
      await client.close();
      use(client);
      await settle();
      expect(gateway.sockets).toHaveLength(1);
    }
  });

  it("the operation list comes from the user's channel when the credential has no session", async () => {
    const { client, gateway } = await setUp({ sessionId: null });
    client.operations().subscribe(() => {});
    await settle();
    expect(gateway.last.take("subscribe").channel).toBe("user:u1");
  });

  it("the operation list is loaded again when a reconnect has another session", async () => {
    const { client, gateway, clock } = await setUp();
    const list = client.operations();
    list.subscribe(() => {});
    await settle();
    await gateway.last.reply(gateway.last.take("subscribe"), {
      position: at(1),
      recovered: false,
      snapshot: { projection: "keyed:operation_id", state: { a: summary("a", 10) } },
    });
    await gateway.last.drop();
    expect(list.view).toMatchObject({ kind: "ready", stale: true });
    await clock.advance(16_000);
    await gateway.last.accept({ session_id: "s2" });
    await settle();
    expect(list.view).toEqual({ kind: "loading" });
    const channels = gateway.last.sent.flatMap((message) =>
      message.type === "subscribe" ? [message.channel] : [],
    );
    expect(channels).toContain("session:s2");
  });
});

describe("notifications", () => {
  it("notifications of the user and the session are delivered once each, including those missed while disconnected", async () => {
    const { client, gateway, event, clock, errors } = await setUp();
    const heard: string[] = [];
    client.notifications.subscribe(({ message }) => heard.push(message));
    client.notifications.subscribe(() => {
      throw new Error("mine");
    });
    await settle();
    const [user, session] = [gateway.last.take("subscribe"), gateway.last.take("subscribe")];
    expect([user, session]).toMatchObject([
      { channel: "user:u1", since: "now", events: ["notification"] },
      { channel: "session:s1", since: "now", events: ["notification"] },
    ]);
    await gateway.last.reply(user, { position: at(5), recovered: false });
    await gateway.last.reply(session, { position: at(5), recovered: false });
    const notice = (offset: number, id: string, channel: string) =>
      event(offset, "notification", { id, level: "info", message: id }, channel);
    await gateway.last.say(notice(6, "n1", "user:u1"), notice(6, "n1", "session:s1"));
    expect(heard).toEqual(["n1"]);
    expect(errors).toEqual([new Error("mine")]);
    await gateway.last.drop();
    await clock.advance(16_000);
    await gateway.last.accept();
    await settle();
    const resume = gateway.last.take("subscribe");
    expect(resume).toMatchObject({ channel: "user:u1", since: at(6) });
    await gateway.last.reply(resume, { position: at(6), recovered: true });
    await gateway.last.say(notice(7, "n2", "user:u1"));
    expect(heard).toEqual(["n1", "n2"]);
  });
});
