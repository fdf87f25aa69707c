import { encodeId } from "@milepost/protocol";
import { describe, expect, it } from "vitest";
import { startGateway } from "./testing/test-gateway.ts";

const sdk = { subprotocols: ["milepost.v1.json"] };

/** Ids that real issuers use and that hostile ones try. */
const ids = [
  ["an e-mail address", "ann+work@example.com"],
  ["an id of an identity provider", "auth0|7"],
  ["a number", "42"],
  ["another script", "山田 太郎"],
  ["an emoji", "😀"],
  ["the encoded form of another id", "ann~40example.com"],
  ["segments of a channel name", "7:operation:o1"],
  ["a wildcard", "*"],
  ["slashes and percent signs", "a/b%2Fc?d#e"],
  ["line breaks", "a\r\nb"],
  ["a long address", `${"x".repeat(200)}@example.com`],
] as const;

describe("any id of a user or session works", () => {
  it.each(ids)(
    "[P-NAME-4] %s as the user's id opens the user's own channel, and no other",
    async (_, user) => {
      await using server = await startGateway();
      const token = await server.token({ user, session: user });
      const socket = await server.socket("/ws", { token, ...sdk });
      const welcome = await socket.nextOf("welcome");
      expect(welcome).toMatchObject({ user_id: user, session_id: user });
      const channel = welcome.user_channel ?? `user:${welcome.user_id}`;
      expect(channel).toBe(`user:${encodeId(user)}`);
      expect(welcome.session_channel ?? `session:${user}`).toBe(`session:${encodeId(user)}`);
      const others = [`${user}2`, encodeId(`~${user}`)];
      const names = [channel, ...others.map((other) => `user:${encodeId(other)}`)];
      for (const [id, name] of names.entries()) {
        socket.send({ type: "subscribe", id, channel: name });
        const reply = await socket.nextOf("reply");
        expect([reply.id, reply.error?.code]).toEqual([
          id,
          name === channel ? undefined : "forbidden",
        ]);
      }
      const path = `/v1/users/${encodeURIComponent(user)}`;
      const notified = await server.call("POST", `${path}/notifications`, {
        body: { message: "Hello" },
      });
      expect(notified.status).toBe(200);
      expect(await socket.nextOf("event")).toMatchObject({ channel, event: "notification" });
    },
  );

  it.each(ids)(
    "[P-NAME-4] %s as the owner of an operation sees it, lists it and follows its feed",
    async (_, id) => {
      await using server = await startGateway();
      const body = { kind: "export", operation_id: "9", user_id: id, session_id: id };
      const created = await server.call("POST", "/v1/operations", { body });
      expect([created.status, created.body.operation]).toMatchObject([201, { user_id: id }]);
      const credential = await server.token({ user: id, session: id });
      const other = await server.token({ user: `${id}2`, session: encodeId(`${id}2`) });
      const query = `user=${encodeURIComponent(id)}`;
      const mine = await server.call("GET", `/v1/operations?${query}`, { credential });
      expect(mine.body.operations).toMatchObject([{ operation_id: "9", user_id: id }]);
      expect((await server.call("GET", "/v1/operations/9", { credential })).status).toBe(200);
      expect((await server.call("GET", "/v1/operations/9", { credential: other })).status).toBe(
        404,
      );
      for (const name of [id, encodeId(id)]) {
        const feed = await server.socket(`/ws/progress/${encodeURIComponent(name)}`, {
          token: credential,
        });
        expect(await feed.nextOf("progress_update")).toMatchObject({ session_id: id });
        const refused = await server.socket(`/ws/progress/${encodeURIComponent(name)}`, {
          token: other,
        });
        expect(await refused.closed).toEqual({ code: 1008, reason: "Invalid session" });
      }
    },
  );

  it.each(ids)(
    "[P-NAME-4] %s is listed, present, disconnected and revoked under the id of the token",
    async (_, user) => {
      await using server = await startGateway();
      const token = await server.token({ user });
      const socket = await server.socket("/ws", { token, ...sdk });
      await socket.nextOf("welcome");
      socket.send({ type: "subscribe", id: 1, channel: "chat:1", presence: true });
      const { result } = await socket.nextOf("reply");
      expect(result.presence.members).toMatchObject([
        { id: `user:${encodeId(user)}`, user_id: user },
      ]);
      const query = `user=${encodeURIComponent(user)}`;
      const list = await server.call("GET", `/v1/connections?${query}`);
      expect(list.body.connections).toMatchObject([{ user_id: user }]);
      const path = `/v1/users/${encodeURIComponent(user)}/disconnect`;
      expect((await server.call("POST", path)).body).toEqual({ connections: 1 });
      expect((await socket.closed).code).toBe(4410);
      expect((await server.call("POST", "/v1/revoke", { body: { user } })).status).toBe(204);
      expect((await (await server.socket("/ws", { token })).closed).code).toBe(4102);
    },
  );

  it("[P-NAME-4] two ids that a careless encoding confuses are two users", async () => {
    await using server = await startGateway();
    const raw = await server.token({ user: "ann@example.com" });
    const encoded = await server.token({ user: "ann~40example.com" });
    const channel = "user:ann~40example.com";
    for (const [token, code] of [
      [raw, undefined],
      [encoded, "forbidden"],
    ] as const) {
      const socket = await server.socket("/ws", { token, ...sdk });
      await socket.nextOf("welcome");
      socket.send({ type: "subscribe", id: 1, channel });
      expect((await socket.nextOf("reply")).error?.code).toBe(code);
    }
    const rawPath = `/v1/users/${encodeURIComponent("ann~40example.com")}/disconnect`;
    expect((await server.call("POST", rawPath)).body).toEqual({ connections: 1 });
  });
});
