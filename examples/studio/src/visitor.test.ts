import type { IncomingMessage } from "node:http";
import { describe, expect, it } from "vitest";
import { guestOf } from "./visitor.ts";

const guest = (id: string | undefined) =>
  guestOf({ headers: { "x-user-id": id } } as unknown as IncomingMessage);

describe("the visitor that a request names", () => {
  it.each([
    ["user_1700000000000_abc", "guest:user_1700000000000_abc"],
    ["guest:user_1", "guest:user_1"],
    ["7", "guest:7"],
  ])("X-User-Id %s is the guest %s, and never a user", (id, expected) => {
    expect(guest(id)).toBe(expected);
  });

  it.each([undefined, "", "guest:", "user:7", "guest:a:b", "a b", "a/b", "x".repeat(121)])(
    "X-User-Id %j is refused",
    (id) => {
      expect(() => guest(id)).toThrow(/X-User-Id/);
    },
  );
});
