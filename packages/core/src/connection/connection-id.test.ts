import { SeededRandom } from "@milepost/engine/testing";
import { expect, test } from "vitest";
import type { Principal, UserPrincipal } from "../rules/principal.ts";
import { isOwnConnectionId, newConnectionId } from "./connection-id.ts";

function user(rest: Partial<UserPrincipal>): Principal {
  const grants = { subscribe: [], publish: [] };
  return {
    kind: "user",
    user: undefined,
    session: undefined,
    grants,
    expiresAt: undefined,
    ...rest,
  };
}

const ann = user({ user: "ann", session: "s1" });

test("[P-CON-6] the id of a connection proves whose connection it was", () => {
  const id = newConnectionId(ann, new SeededRandom());
  expect(id).toMatch(/^[\w-]{20}$/);
  expect(isOwnConnectionId(id, ann)).toBe(true);
  const others: Principal[] = [
    user({ user: "ann" }),
    user({ user: "ann", session: "s2" }),
    user({ user: "bob", session: "s1" }),
    user({ session: "s1" }),
    user({ guest: "ann" }),
    { kind: "service", name: "ann" },
  ];
  for (const other of others) expect(isOwnConnectionId(id, other)).toBe(false);
  expect(isOwnConnectionId(`x${id.slice(1)}`, ann)).toBe(false);
  expect(isOwnConnectionId(`${id}0`, ann)).toBe(false);
});

test("[P-CON-6] a credential that names nobody owns no id", () => {
  const id = newConnectionId(user({}), new SeededRandom());
  expect(id).toHaveLength(20);
  expect(isOwnConnectionId(id, user({}))).toBe(false);
});
