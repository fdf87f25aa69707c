import { describe, expect, it } from "vitest";
import type { UpgradeRequest } from "./handshake.ts";
import { planUpgrade } from "./upgrade-plan.ts";

function plan(
  url: string,
  headers: Partial<Omit<UpgradeRequest, "url">> = {},
  tokenInQuery = true,
) {
  return planUpgrade(
    { url, authorization: undefined, subprotocols: undefined, ...headers },
    { tokenInQuery },
  );
}

const gateway = {
  dialect: "plain",
  consumer: "websocket",
  subprotocol: undefined,
  credential: { kind: "none" },
  channels: [],
  resume: undefined,
  connectionId: undefined,
};

describe("the path of an upgrade", () => {
  it("the path /ws opens a connection without a channel", () => {
    expect(plan("/ws")).toEqual({ ok: true, value: { ...gateway, personal: "bare" } });
  });

  it("the path /ws/{resource}/{id} opens a connection with that channel", () => {
    expect(plan("/ws/chat/42")).toEqual({
      ok: true,
      value: { ...gateway, channels: ["chat:42"] },
    });
  });

  it.each(["/ws/", "/ws/x", "/ws/health", "/ws/a/b/c", "/ws/progress"])(
    "[P-CON-7] an upgrade of the path %s is refused with not_found",
    (url) => {
      expect(plan(url)).toMatchObject({ ok: false, failure: { code: "not_found" } });
    },
  );

  it.each([
    "/ws/chat/",
    "/ws//42",
    "/ws/chat/*",
    "/ws/chat/a%20b",
    "/ws/chat/a%0d%0ab",
    "/ws/chat/a:b",
    "/ws/chat/%ff",
    "/ws/chat/%zz",
    "/ws/progress/a%2Fb",
    `/ws/chat/${"x".repeat(256)}`,
    `/ws/${"x".repeat(200)}/${"y".repeat(200)}`,
    "/ws/chat/d%C3%A9",
  ])("[P-CON-7] an upgrade of the path %s is refused with invalid_channel", (url) => {
    expect(plan(url)).toMatchObject({ ok: false, failure: { code: "invalid_channel" } });
  });
});

describe("the query of an upgrade", () => {
  it("channels in an upgrade's query are added after the channel of its path, each once", () => {
    expect(plan("/ws/chat/42?channels=a:1,chat:42,b&channels=b,c")).toMatchObject({
      value: { channels: ["chat:42", "a:1", "b", "c"] },
    });
  });

  it("a cursor and a connection id are read from an upgrade's query", () => {
    expect(plan("/ws?last_event_id=chat:42%40e.3.t&connection_id=c1")).toMatchObject({
      value: {
        resume: new Map([["chat:42", { epoch: "e", offset: 3, tag: "t" }]]),
        connectionId: "c1",
      },
    });
  });

  it.each([
    ["channels=", "invalid_channel"],
    ["channels=a,,b", "invalid_channel"],
    ["channels=a:*:b", "invalid_channel"],
    ["channels=a%0ab", "invalid_channel"],
    ["last_event_id=", "invalid_position"],
    ["last_event_id=nonsense&channels=chat:42", "invalid_position"],
    ["last_event_id=non@sense", "invalid_position"],
    ["last_event_id=%zz", "bad_message"],
    ["x=%ff", "bad_message"],
  ])("[P-CON-7] an upgrade's query %s is refused with %s", (query, code) => {
    expect(plan(`/ws?${query}`)).toMatchObject({ ok: false, failure: { code } });
  });

  it("an upgrade's query may contain unknown parameters", () => {
    const value = { ...gateway, personal: "bare" };
    expect(plan("/ws?utm_source=mail&page=1")).toEqual({ ok: true, value });
  });
});

describe("the credential of an upgrade", () => {
  const all = {
    authorization: "Bearer from.the.header",
    subprotocols: "milepost.token.from.the.subprotocol",
  };

  it("[P-CON-1] a token in the Authorization header takes precedence over all others", () => {
    expect(plan("/ws?token=from.the.query", all)).toMatchObject({
      value: { credential: { kind: "token", token: "from.the.header" } },
    });
  });

  it("[P-CON-1] a token in the subprotocol takes precedence over one in the query", () => {
    expect(plan("/ws?token=from.the.query", { subprotocols: all.subprotocols })).toMatchObject({
      value: { credential: { kind: "token", token: "from.the.subprotocol" } },
    });
  });

  it("[P-CON-1] a token in the query is used when there is no other, also for session feeds", () => {
    for (const url of ["/ws?token=from.the.query", "/ws/progress/s?token=from.the.query"]) {
      expect(plan(url)).toMatchObject({
        value: { credential: { kind: "token", token: "from.the.query" } },
      });
    }
  });

  it("a token in the query is refused, not ignored, when tokenInQuery is false", () => {
    expect(plan("/ws?token=a.b.c", {}, false)).toMatchObject({
      value: { credential: { kind: "refused" } },
    });
  });

  it("an Authorization header of another scheme counts as no credential", () => {
    expect(plan("/ws", { authorization: "Basic dTpw" })).toMatchObject({
      value: { credential: { kind: "none" } },
    });
  });
});

describe("the subprotocols of an upgrade", () => {
  it("milepost.v1.json is chosen when it is offered, with or without a token", () => {
    expect(plan("/ws", { subprotocols: "milepost.token.a.b.c, milepost.v1.json" })).toMatchObject({
      value: {
        dialect: "milepost.v1.json",
        subprotocol: "milepost.v1.json",
        credential: { kind: "token", token: "a.b.c" },
      },
    });
  });

  it("[P-CON-5] an upgrade that offers one subprotocol twice, or something that is no name, is refused", () => {
    for (const subprotocols of ["milepost.v1.json, milepost.v1.json", "a b", "a,,b", ""]) {
      expect(plan("/ws", { subprotocols }), subprotocols).toMatchObject({
        ok: false,
        failure: { code: "bad_message" },
      });
    }
  });

  it("[P-CON-5] a token as the only subprotocol selects the plain dialect and is itself the subprotocol of the answer", () => {
    expect(plan("/ws", { subprotocols: "milepost.token.a.b.c" })).toMatchObject({
      value: { dialect: "plain", subprotocol: "milepost.token.a.b.c" },
    });
  });

  it.each(["milepost.v2.json", "chat", "milepost.token.a, graphql-ws"])(
    "[P-CON-5] the subprotocols %s are refused as unsupported",
    (subprotocols) => {
      expect(plan("/ws", { subprotocols })).toMatchObject({
        ok: false,
        failure: { code: "bad_message" },
      });
    },
  );

  it.each(["", ",", "a b", "a,a", "milepost.v1.json,,"])(
    "the subprotocol header %j is refused, because it is not a list of distinct names",
    (subprotocols) => {
      expect(plan("/ws", { subprotocols })).toMatchObject({
        ok: false,
        failure: { code: "bad_message" },
      });
    },
  );
});
