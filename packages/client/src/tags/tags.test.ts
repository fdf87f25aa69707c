import type { OperationSummary } from "@milepost/model";
import { describe, expect, it } from "vitest";
import { createClient } from "../create-client.ts";
import { ManualClock, ScriptedGateway, settle } from "../testing/index.ts";
import { taggedOperations } from "./tags.ts";

const at = (offset: number) => `e1.${offset}.t${offset}`;
const summary = (id: string, percent: number, created_at: number): OperationSummary => ({
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

async function setUp(user: string | null = "7") {
  const [clock, gateway] = [new ManualClock(), new ScriptedGateway()];
  const client = createClient({ url: "ws://test/ws", webSocket: gateway.webSocket, clock });
  const accept = () => gateway.last.accept({ user_id: user });
  const answer = async (channel: string, offset: number, state: object) => {
    const message = gateway.last.take("subscribe");
    expect(message).toMatchObject({ channel, events: ["operation"] });
    const snapshot = { projection: "keyed:operation_id", state };
    await gateway.last.reply(message, {
      channel,
      position: at(offset),
      recovered: false,
      snapshot,
    });
  };
  const say = (channel: string, offset: number, data: object) =>
    gateway.last.say({
      type: "event",
      channel,
      position: at(offset),
      event: "operation",
      ts: 1,
      data,
    });
  return { client, clock, gateway, accept, answer, say };
}

describe("operations with a tag", () => {
  it("[P-TREE-12] taggedOperations follows the operations of the client's user with a tag, newest first", async () => {
    const { client, accept, answer, say } = await setUp();
    const list = taggedOperations(client, { tag: "nightly" });
    expect(list.getSnapshot()).toEqual({ kind: "loading" });
    const stop = list.subscribe(() => {});
    await settle();
    await accept();
    await answer("user:7:tag:nightly", 2, { a: summary("a", 10, 1), b: summary("b", 0, 2) });
    const shown = () => {
      const view = list.getSnapshot();
      return view.kind === "ready" ? view.operations.map((one) => [one.title, one.percent]) : view;
    };
    expect(shown()).toEqual([
      ["b", 0],
      ["a", 10],
    ]);
    await say("user:7:tag:nightly", 3, summary("a", 60, 1));
    await say("user:7:tag:nightly", 4, summary("c", 5, 3));
    expect(shown()).toEqual([
      ["c", 5],
      ["b", 0],
      ["a", 60],
    ]);
    expect(taggedOperations(client, { tag: "nightly" })).toBe(list);
    expect(taggedOperations(client, { tag: "hourly" })).not.toBe(list);
    stop();
  });

  it("[P-TREE-12] after a lost connection the list is stale, and goes on with the same channel from where it was", async () => {
    const { client, clock, gateway, accept, answer, say } = await setUp();
    const list = taggedOperations(client, { tag: "nightly" });
    list.subscribe(() => {});
    await settle();
    await accept();
    await answer("user:7:tag:nightly", 2, { a: summary("a", 10, 1) });
    await gateway.last.drop();
    await settle();
    expect(list.getSnapshot()).toMatchObject({ kind: "ready", stale: true });
    await clock.advance(5_000);
    await accept();
    const again = gateway.last.take("subscribe");
    expect(again).toMatchObject({ channel: "user:7:tag:nightly", since: at(2) });
    await gateway.last.reply(again, { position: at(2), recovered: true });
    await say("user:7:tag:nightly", 3, summary("a", 70, 1));
    expect(list.getSnapshot()).toMatchObject({
      kind: "ready",
      stale: false,
      operations: [{ operation_id: "a", percent: 70 }],
    });
  });

  it("[P-TREE-12] a named user is encoded as in its channels, and a client without a user names one or has an error", async () => {
    const { client, gateway, accept, answer } = await setUp(null);
    const own = taggedOperations(client, { tag: "nightly" });
    own.subscribe(() => {});
    await settle();
    await accept();
    await settle();
    expect(own.getSnapshot()).toMatchObject({ kind: "error", error: { code: "forbidden" } });
    taggedOperations(client, { tag: "nightly", user: "ann@example.com" }).subscribe(() => {});
    await settle();
    await answer("user:ann~40example.com:tag:nightly", 1, {});
    expect(gateway.last.count("subscribe")).toBe(0);
  });

  it("[P-TREE-12] a tag that no operation can have is refused at once", async () => {
    const { client } = await setUp();
    for (const tag of ["", "a:b", "*", "é"]) {
      expect(() => taggedOperations(client, { tag })).toThrow(/cannot be the tag/);
    }
  });
});
