import { describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "../testing/test-gateway.ts";
import { TestStream } from "../testing/test-stream.ts";

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Creates the operation of another user, so that `theirs` exists and `none` does not. */
async function startWithTheirs(): Promise<TestGateway> {
  const server = await startGateway();
  await server.gateway.operations.create({ kind: "k", operation_id: "theirs", user_id: "8" });
  return server;
}

/** Removes what names the operation, so that the answers about two operations can be compared. */
const alike = (answer: unknown, id: string) => JSON.stringify(answer).replaceAll(id, "it");

const pending = { position: "pending.0.0", recovered: false, pending: true };

describe("an operation that the client may not see yet", () => {
  it("[P-OP-7] [P-OP-9] a foreign operation and a missing one have the same answers by HTTP, by request and by subscribe", async () => {
    await using server = await startWithTheirs();
    const credential = await server.token();
    const answers: string[] = [];
    for (const id of ["theirs", "none"]) {
      const channel = `operation:${id}`;
      const socket = await server.socket();
      await socket.nextOf("welcome");
      const got = [];
      for (const path of [
        `/v1/operations/${id}`,
        `/v1/channels/${channel}/history`,
        `/v1/channels/${channel}/snapshot`,
      ]) {
        const { status, body } = await server.call("GET", path, { credential });
        got.push([status, body]);
      }
      const params = { operation_id: id };
      for (const message of [
        { type: "request", id, method: "operations.get", params },
        {
          type: "request",
          id,
          method: "operations.command",
          params: { ...params, command: "cancel" },
        },
        { type: "request", id, method: "history.get", params: { channel } },
        { type: "subscribe", id, channel },
      ]) {
        const { timestamp: _, ...answer } = await socket.ask(message);
        got.push(answer);
      }
      answers.push(alike(got, id));
    }
    expect(answers[0]).toBe(answers[1]);
    expect(answers[0]).toContain('"pending":true');
  });

  it("[P-OP-9] a WebSocket without the SDK hears that its operation is pending, and then its state", async () => {
    await using server = await startWithTheirs();
    const answers: string[] = [];
    for (const id of ["theirs", "none"]) {
      const socket = await server.socket(`/ws?channels=operation:${id}`);
      const told = await socket.nextOf("subscribed");
      expect(told).toMatchObject({ channel: `operation:${id}`, ...pending });
      answers.push(alike(told, id));
    }
    expect(answers[0]).toBe(answers[1]);
    const socket = await server.socket("/ws?channels=operation:9");
    await socket.nextOf("subscribed");
    await server.gateway.operations.create({ kind: "k", operation_id: "9", user_id: "7" });
    expect(await socket.nextOf("subscribed")).toMatchObject({ snapshot: { state: { id: "9" } } });
  });

  it("[P-OP-9] an event stream hears that its operation is pending, and an EventSource that reconnects waits on", async () => {
    await using server = await startGateway();
    const open = async (headers: Record<string, string> = {}) =>
      TestStream.open(`${server.url}/v1/sse?channels=operation:9`, {
        token: await server.token(),
        headers,
      });
    const stream = await open();
    expect(await stream.nextOf("subscribed")).toMatchObject(pending);
    const again = await open({ "Last-Event-ID": stream.lastEventId ?? "" });
    expect(await again.nextOf("subscribed")).toMatchObject({ ...pending, recovered: true });
    await server.gateway.operations.create({ kind: "k", operation_id: "9", session_id: "s1" });
    for (const one of [stream, again]) {
      expect(await one.nextOf("subscribed")).toMatchObject({ snapshot: { state: { id: "9" } } });
    }
  });

  it("[P-OP-9] [P-POLL-2] a poll says once that an operation is pending, waits with its cursor, and answers when it appears", async () => {
    await using server = await startWithTheirs();
    const credential = await server.token();
    const poll = (query: string) => server.call("GET", `/v1/poll?${query}`, { credential });
    const answers = await Promise.all(
      ["theirs", "none"].map(async (id) => {
        const first = await poll(`channels=operation:${id}`);
        expect(first.body.events).toMatchObject([{ type: "subscribed", ...pending }]);
        const later = await poll(`channels=operation:${id}&wait=0&since=${first.body.cursor}`);
        return [alike(first.body, id), later.status, later.body];
      }),
    );
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]?.[1]).toBe(204);
    const { cursor } = (await poll("channels=operation:9")).body;
    const before = server.gateway.stats().subscriptions;
    const waiting = poll(`since=${cursor}`);
    while (server.gateway.stats().subscriptions === before) await tick();
    await server.gateway.operations.create({ kind: "k", operation_id: "9", user_id: "7" });
    const { body } = await waiting;
    expect(body.events).toMatchObject([{ type: "subscribed", snapshot: { state: { id: "9" } } }]);
    expect(body.cursor).not.toContain("pending");
  });

  it("[P-OP-9] [P-POLL-6] an SDK poll waits with the position of a pending subscription", async () => {
    await using server = await startGateway();
    const credential = await server.token();
    const poll = (since?: string) =>
      server.call("POST", "/v1/poll?wait=25", {
        credential,
        body: [{ type: "subscribe", id: 1, channel: "operation:9", ...(since && { since }) }],
      });
    const first = (await poll()).body;
    expect(first.at(-1)).toMatchObject({ type: "reply", id: 1, result: pending });
    const waiting = poll("pending.0.0");
    while (server.gateway.stats().subscriptions === 0) await tick();
    await server.gateway.operations.create({ kind: "k", operation_id: "9", user_id: "7" });
    const messages: { type: string }[] = (await waiting).body;
    expect(messages.map(({ type }) => type)).toEqual(["welcome", "reply", "subscribed"]);
    expect(messages[1]).toMatchObject({ result: { ...pending, recovered: true } });
    expect(messages[2]).toMatchObject({ snapshot: { state: { id: "9" } } });
  });
});
