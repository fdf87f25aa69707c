import { FaultyEngine } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import { highRates, type TestCore, testCore } from "../testing/index.ts";
import { UpstreamReplies } from "./upstream-replies.ts";

const grants = { subscribe: ["log:*"], publish: ["log:*"] };

async function open(t: TestCore, user: string | undefined) {
  const principal = t.user(user, { grants });
  const socket = t.connect({ principal });
  await t.clock.settle();
  const id = String(socket.take()[0]?.connection_id);
  return { socket, principal, id };
}

const ping = JSON.stringify({ type: "ping", id: 1 });

describe("messages sent upstream into a stream", () => {
  test("only the user and session of a stream send into it", async () => {
    await using t = testCore();
    const own = await open(t, "ada");
    t.core.forwardUpstream(own.principal, own.id, ping);
    await t.clock.settle();
    expect(own.socket.take()).toMatchObject([{ type: "pong", id: 1 }]);
    for (const other of [
      t.user("bob", { grants }),
      t.user("ada", { grants, session: "s" }),
      t.user(undefined, { grants }),
    ]) {
      await expect(t.core.forwardUpstream(other, own.id, ping)).rejects.toThrow(
        /no stream with this id/,
      );
    }
    await t.clock.settle();
    expect(own.socket.take()).toEqual([]);
  });

  test("nobody sends into the stream of an anonymous client, not even another anonymous one", async () => {
    await using t = testCore();
    const anonymous = await open(t, undefined);
    await expect(t.core.forwardUpstream(anonymous.principal, anonymous.id, ping)).rejects.toThrow(
      /no stream with this id/,
    );
  });

  test("[C12] a shutdown does not wait for upstream messages that have been answered", async () => {
    const t = testCore();
    const replies = await t.core.handleUpstream(t.user("ada"), "-", ping);
    expect(replies).toMatchObject([{ type: "pong", id: 1 }]);
    let isShutDown = false;
    void t.core.shutdown(0).then(() => {
      isShutDown = true;
    });
    await t.clock.advance(100);
    expect(isShutDown).toBe(true);
  });

  test("[G7] the messages of one large upstream frame count with their share of its size while they wait", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ engine: faulty.factory, limits: highRates });
    const { socket, principal, id } = await open(t, "ada");
    faulty.hold();
    socket.send({ type: "subscribe", id: "s", channel: "log:a" });
    const data = "x".repeat(250_000);
    for (let n = 0; n < 6; n++) {
      const messages = [1, 2, 3, 4].map((part) => ({
        ...{ type: "publish", id: 10 * n + part, channel: "log:a", event: "e", data },
      }));
      void t.core.forwardUpstream(principal, id, JSON.stringify(messages));
    }
    await t.clock.settle();
    expect(socket.take()[0]).toMatchObject({ error: { code: "rate_limited" } });
    faulty.release();
    await t.clock.settle();
  });
});

describe("replies that upstream requests wait for", () => {
  test("two messages with one id get the replies in their order, and then none is expected", async () => {
    const replies = new UpstreamReplies();
    const got: unknown[] = [];
    for (const name of ["first", "second"]) {
      void replies.expect(1).then((reply) => got.push([name, reply]));
    }
    const [a, b] = [
      { type: "reply", id: 1, result: "a" } as const,
      { type: "reply", id: 1, result: "b" } as const,
    ];
    expect([replies.take(a), replies.take(b), replies.take(a)]).toEqual([true, true, false]);
    expect(replies.expects(1)).toBe(false);
    await Promise.resolve();
    expect(got).toEqual([
      ["first", a],
      ["second", b],
    ]);
  });
});
