import { describe, expect, it } from "vitest";
import { isFeedPath, planFeedUpgrade } from "./upgrade-plan.ts";

function plan(url: string, subprotocols?: string) {
  const request = { url, authorization: undefined, subprotocols };
  return planFeedUpgrade(request, { tokenInQuery: true });
}

describe("the path of a session feed", () => {
  it.each(["/ws/progress/s-1", "/ws/pro%67ress/s-1", "/ws/progress/", "/ws/progress/a%2Fb"])(
    "the path %s belongs to the session feed",
    (path) => {
      expect(isFeedPath(path)).toBe(true);
    },
  );

  it.each(["/ws", "/ws/progress", "/ws/progress/a/b", "/ws/chat/progress", "/v1/progress/a"])(
    "the path %s does not belong to the session feed",
    (path) => {
      expect(isFeedPath(path)).toBe(false);
    },
  );
});

describe("the upgrade request of a session feed", () => {
  it("an upgrade to a session feed names the session in its path, decoded", () => {
    for (const url of ["/ws/progress/s-1", "/ws/pro%67ress/s%2D1?x=1"]) {
      expect(plan(url)).toMatchObject({ ok: true, value: { session: "s-1", dialect: "plain" } });
    }
  });

  it("[P-NAME-4] an upgrade to a session feed may name any session id, percent-encoded", () => {
    expect(plan("/ws/progress/a%2Fb%7C%C3%A9")).toMatchObject({ value: { session: "a/b|é" } });
  });

  it("an upgrade to a session feed takes its token from the query", () => {
    expect(plan("/ws/progress/s?token=a.b.c")).toMatchObject({
      value: { credential: { kind: "token", token: "a.b.c" } },
    });
  });

  it.each([
    ["/ws/progress/", undefined, "invalid_channel"],
    ["/ws/progress/%ff?x=%ff", "chat", "invalid_channel"],
    ["/ws/progress/s?x=%ff", "chat", "bad_message"],
    ["/ws/progress/s", "chat", "bad_message"],
  ])("[P-CON-7] an upgrade to %s that offers %s is refused with %s", (url, subprotocols, code) => {
    expect(plan(url, subprotocols)).toMatchObject({ ok: false, failure: { code } });
  });
});
