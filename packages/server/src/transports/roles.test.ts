import { describe, expect, test } from "vitest";
import { startGateway, type TestGateway } from "../testing/test-gateway.ts";
import { TestStream } from "../testing/test-stream.ts";

const retention = { maxEntries: 100, maxAgeMs: 60_000 };
const editor = { claim: "role", equals: "editor" } as const;
const rules = [
  {
    pattern: "doc:{doc}",
    subscribe: ["guests", "authenticated"],
    publish: editor,
    history: { claim: "role", in: ["editor", "auditor"] },
    presence: { show: "members", access: "authenticated" },
    end: "granted",
    retention,
  },
] as const;

/** Actions that each role may perform on a channel of the rule. */
const matrix = {
  editor: { subscribe: true, publish: true, history: true, presence: true, end: false },
  auditor: { subscribe: true, publish: false, history: true, presence: true, end: false },
  reader: { subscribe: true, publish: false, history: false, presence: true, end: false },
  owner: { subscribe: true, publish: false, history: false, presence: true, end: true },
  guest: { subscribe: true, publish: false, history: false, presence: false, end: false },
  service: { subscribe: true, publish: true, history: true, presence: true, end: true },
} as const;
type RoleName = keyof typeof matrix;

/** Starts a gateway whose tokens are the names of roles. */
function start(): Promise<TestGateway> {
  return startGateway({
    rules,
    guests: true,
    auth: {
      verifyToken: async (token) => ({
        kind: "user",
        user: `${token}-7`,
        session: undefined,
        grants: { subscribe: [], publish: [], ...(token === "owner" ? { end: ["doc:*"] } : {}) },
        expiresAt: undefined,
        claims: { role: token },
      }),
    },
  });
}

async function credentialOf(server: TestGateway, role: RoleName): Promise<string | undefined> {
  if (role === "service") return undefined;
  if (role !== "guest") return role;
  return (await server.call("POST", "/v1/guests", { credential: null })).body.token;
}

const roles = Object.keys(matrix) as RoleName[];

describe("a role may do the same at every door", () => {
  test.each(roles)(
    "[P-RULE-7] [P-RULE-9] the role %s over HTTP, SSE and long-poll",
    async (role) => {
      await using server = await start();
      await server.gateway.publish("doc:1", "edit", 1);
      const may = matrix[role];
      const token = await credentialOf(server, role);
      const as = token === undefined ? {} : { credential: token };
      const isAllowed = async (method: string, path: string, body?: object) => {
        const { status } = await server.call(method, path, { ...as, ...(body && { body }) });
        expect([200, 403]).toContain(status);
        return status === 200;
      };
      const publication = { channel: "doc:1", event: "edit", data: 2 };
      expect(await isAllowed("POST", "/v1/publish", publication)).toBe(may.publish);
      expect(await isAllowed("GET", "/v1/channels/doc:1/history")).toBe(may.history);
      expect(await isAllowed("GET", "/v1/channels/doc:1/snapshot")).toBe(may.history);
      expect(await isAllowed("GET", "/v1/channels/doc:1/presence")).toBe(may.presence);
      if (token !== undefined) {
        const url = `${server.url}/v1/sse?channels=doc:1&token=${token}`;
        const stream = await TestStream.open(url);
        expect(await stream.nextOf("subscribed")).toMatchObject({ channel: "doc:1" });
        stream.cut();
        const poll = await server.call("GET", "/v1/poll?channels=doc:1&wait=0", as);
        expect(poll.status).toBe(200);
        const upstream = { type: "publish", id: 1, channel: "doc:1", event: "edit", data: 3 };
        const { body } = await server.call("POST", "/v1/connections/-/messages", {
          ...as,
          body: [upstream],
        });
        expect(body[0].error === undefined).toBe(may.publish);
      }
      expect(await isAllowed("POST", "/v1/channels/doc:1/end", {})).toBe(may.end);
    },
  );

  test.each(roles.filter((role) => role !== "service"))(
    "[P-RULE-7] [P-RULE-9] the role %s over a WebSocket, by message and by method, also after a resume",
    async (role) => {
      await using server = await start();
      await server.gateway.publish("doc:1", "edit", 1);
      const may = matrix[role];
      const token = (await credentialOf(server, role)) ?? "";
      let position: string | undefined;
      for (const attempt of ["first", "resumed"]) {
        const socket = await server.socket("/ws", { token, subprotocols: ["milepost.v1.json"] });
        let id = 0;
        const isAllowed = async (message: object) => {
          socket.send({ ...message, id: ++id });
          const reply = await socket.nextOf("reply");
          if (reply.error !== undefined) expect(reply.error.code).toBe("forbidden");
          else position = reply.result?.position ?? position;
          return reply.error === undefined;
        };
        const since = position === undefined ? {} : { since: position };
        const subscribe = { type: "subscribe", channel: "doc:1" };
        expect(await isAllowed({ ...subscribe, since: "start" }), attempt).toBe(may.history);
        if (may.history) await isAllowed({ type: "unsubscribe", channel: "doc:1" });
        expect(await isAllowed({ ...subscribe, presence: true }), attempt).toBe(may.presence);
        if (may.presence) await isAllowed({ type: "unsubscribe", channel: "doc:1" });
        expect(await isAllowed({ ...subscribe, ...since }), attempt).toBe(may.subscribe);
        const publish = { type: "publish", channel: "doc:1", event: "edit", data: 2 };
        expect(await isAllowed(publish), attempt).toBe(may.publish);
        const request = (method: string) => ({
          type: "request",
          method,
          params: { channel: "doc:1" },
        });
        expect(await isAllowed(request("history.get")), attempt).toBe(may.history);
        expect(await isAllowed(request("presence.get")), attempt).toBe(may.presence);
        socket.ws.close();
        await socket.closed;
      }
    },
  );
});
