import { describe, expect, it } from "vitest";
import { hashOfApiKey } from "../auth/api-keys.ts";
import { startGateway } from "../testing/test-gateway.ts";

const key = (scope: string) => `key-with-the-scope-${scope.replaceAll(/[^a-z-]/g, "-")}`;
const scopes = [
  "publish:chat:*",
  "subscribe:chat:*",
  "history:chat:*",
  "presence:chat:*",
  "subscribe:chat:* presence:chat:*",
  "end:chat:*",
  "purge:chat:*",
  "operations:operation:9",
  "operations",
  "command",
  "connections",
  "inbox",
  "dead-letters",
  "sessions",
  "tickets",
  "publish:user:{user}",
  "operations:operation:8 publish:collection:42",
];
const apiKeys = [
  ...scopes.map((scope) => ({
    name: "scoped",
    hash: hashOfApiKey(key(scope)),
    scopes: scope.split(" "),
  })),
  { name: "all", key: key("everything"), scopes: ["*"] },
  { name: "none", key: key("nothing"), scopes: [] },
];

/** One request of each route, with the scopes that allow it. */
const requests: [method: string, path: string, body: unknown, allowed: readonly string[]][] = [
  ["POST", "/v1/publish", { channel: "chat:1", event: "e", data: 1 }, ["publish:chat:*"]],
  ["POST", "/v1/users/7/notifications", { message: "m" }, ["publish:user:{user}"]],
  ["GET", "/v1/users/7/digest", undefined, ["inbox"]],
  ["POST", "/v1/users/7/seen", { now: true }, ["inbox"]],
  ["GET", "/v1/users/7/inbox", undefined, ["inbox"]],
  ["POST", "/v1/users/7/inbox/read", undefined, ["inbox"]],
  ["GET", "/v1/channels/chat:1/history", undefined, ["history:chat:*"]],
  ["GET", "/v1/channels/chat:1/snapshot", undefined, ["history:chat:*"]],
  ["GET", "/v1/channels/chat:1/presence", undefined, ["subscribe:chat:* presence:chat:*"]],
  ["POST", "/v1/channels/chat:1/end", {}, ["end:chat:*"]],
  ["DELETE", "/v1/channels/chat:1", undefined, ["purge:chat:*"]],
  [
    "POST",
    "/v1/operations",
    { kind: "k", operation_id: "9" },
    ["operations", "operations:operation:9"],
  ],
  [
    "POST",
    "/v1/operations",
    { kind: "k", operation_id: "8", collection_id: "42" },
    ["operations:operation:8 publish:collection:42"],
  ],
  ["GET", "/v1/operations", undefined, ["operations"]],
  [
    "POST",
    "/v1/operations/9/events",
    { lease: "x", events: [] },
    ["operations", "operations:operation:9"],
  ],
  ["POST", "/v1/operations/9/lease", {}, ["operations", "operations:operation:9"]],
  ["GET", "/v1/operations/9/commands", undefined, ["operations", "operations:operation:9"]],
  ["POST", "/v1/operations/9/commands", { command: "cancel" }, ["command"]],
  ["POST", "/v1/operations/commands", { command: "cancel", filter: { kind: "k" } }, ["command"]],
  ["POST", "/v1/operations/9/inputs", { data: 1 }, ["command"]],
  ["GET", "/v1/operations/9/inputs", undefined, ["operations", "operations:operation:9"]],
  ["GET", "/v1/connections?user=7", undefined, ["connections"]],
  ["GET", "/v1/nodes", undefined, ["connections"]],
  ["POST", "/v1/users/7/disconnect", undefined, ["connections"]],
  ["POST", "/v1/disconnect", { user: "7" }, ["connections"]],
  ["POST", "/v1/move", { user: "7" }, ["connections"]],
  ["POST", "/v1/revoke", { user: "7" }, ["connections"]],
  ["GET", "/v1/dead-letters", undefined, ["dead-letters"]],
  ["PUT", "/v1/sessions/s1", { ttl_ms: 60_000 }, ["sessions"]],
  ["GET", "/v1/sessions/s1", undefined, ["sessions"]],
  ["DELETE", "/v1/sessions/s1", undefined, ["sessions"]],
  ["POST", "/v1/tickets", { user: "7" }, ["tickets"]],
];

describe("scopes of API keys", () => {
  it.each(requests)(
    "[X2] %s %s is open to the scopes that the table names, and to no other",
    async (method, path, body, allowed) => {
      await using server = await startGateway({ auth: { apiKeys } });
      await server.call("POST", "/v1/operations", {
        credential: key("everything"),
        body: { kind: "k", operation_id: "9" },
      });
      if (path.startsWith("/v1/sessions/")) {
        await server.call("PUT", path, { credential: key("everything"), body: { ttl_ms: 60_000 } });
      }
      for (const scope of ["nothing", "everything", ...scopes]) {
        const { status, body: answer } = await server.call(method, path, {
          credential: key(scope),
          ...(body !== undefined && { body }),
        });
        const isAllowed = scope === "everything" || allowed.includes(scope);
        const isForbidden = status === 403 || (status === 404 && answer.code === "not_found");
        expect([scope, isForbidden]).toEqual([scope, !isAllowed]);
      }
    },
  );

  it("[X2] without a key every route answers 401, also with a wrong one and with a good one in the URL", async () => {
    await using server = await startGateway({ auth: { apiKeys } });
    for (const [method, path, body] of requests) {
      const good = key("everything");
      const separator = path.includes("?") ? "&" : "?";
      for (const [credential, url] of [
        [null, path],
        ["a-wrong-key-of-some-length", path],
        [null, `${path}${separator}token=${good}`],
      ] as const) {
        const options = { credential, ...(body !== undefined && { body }) };
        expect([url, (await server.call(method, url, options)).status]).toEqual([url, 401]);
      }
    }
    const url = `/v1/poll?channels=chat:1&token=${key("everything")}`;
    expect((await server.call("GET", url, { credential: null })).status).toBe(401);
  });

  it("[X2] an operation's lease belongs to the name of the key, so that a second key of the name goes on with it", async () => {
    const pair = [
      { name: "worker", hash: hashOfApiKey("the-key-of-october") },
      { name: "worker", hash: hashOfApiKey("the-key-of-november") },
      { name: "other", key: "the-key-of-another" },
    ];
    await using server = await startGateway({ auth: { apiKeys: pair } });
    const created = await server.call("POST", "/v1/operations", {
      credential: "the-key-of-october",
      body: { kind: "k", operation_id: "9" },
    });
    const report = (credential: string) =>
      server.call("POST", "/v1/operations/9/events", {
        credential,
        body: {
          lease: created.body.lease.token,
          events: [{ event: "started", data: {}, key: "s" }],
        },
      });
    const first = await report("the-key-of-october");
    const again = await report("the-key-of-november");
    expect(first.body.results).toMatchObject([{ duplicate: false }]);
    expect(again.body.results).toMatchObject([{ duplicate: true }]);
  });
});
