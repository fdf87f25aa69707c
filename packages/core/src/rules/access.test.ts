import { describe, expect, test } from "vitest";
import type { Access, Action } from "./access.ts";
import { pickClaims } from "./claims.ts";
import { operationRule } from "./default-rules.ts";
import { permissionFor } from "./permissions.ts";
import type { Principal, UserPrincipal } from "./principal.ts";
import type { Rule } from "./rule.ts";
import { RuleBook } from "./rule-book.ts";

const retention = { maxEntries: 10, maxAgeMs: 1_000 };
const service: Principal = { kind: "service", name: "backend" };

function user(rest: Partial<UserPrincipal> = {}): UserPrincipal {
  const grants = { subscribe: [], publish: [] };
  return { kind: "user", user: "ada", session: "s1", grants, expiresAt: undefined, ...rest };
}

const guest = user({ user: undefined, session: undefined, guest: "g1" });

function decide(
  principal: Principal,
  action: Action,
  rule: Partial<Rule>,
  channel = "room:7",
): unknown {
  const whole = { subscribe: "nobody", publish: "nobody", retention, ...rule } as const;
  const book = new RuleBook([{ pattern: "room:{room}", ...whole }]);
  return permissionFor(principal, book.of(channel), action);
}

describe("the access of a rule", () => {
  test.each([
    ["anyone", "allowed", "allowed"],
    ["authenticated", "allowed", "refused"],
    ["guests", "refused", "allowed"],
    ["granted", "refused", "refused"],
    ["nobody", "refused", "refused"],
  ] as const)(
    "[P-RULE-7] the access %s is decided alike for every user and every guest",
    (access, ofUser, ofGuest) => {
      expect(decide(user(), "subscribe", { subscribe: access })).toBe(ofUser);
      expect(decide(guest, "subscribe", { subscribe: access })).toBe(ofGuest);
      const ofService = access === "nobody" ? "refused" : "allowed";
      expect(decide(service, "subscribe", { subscribe: access })).toBe(ofService);
    },
  );

  test("[P-RULE-7] a guest reads its own channels and nobody else's, and no user or token without a user reads them", () => {
    const book = new RuleBook([]);
    for (const channel of ["guest:g1", "guest:g1:news"]) {
      expect(permissionFor(guest, book.of(channel), "subscribe")).toBe("allowed");
      expect(permissionFor(guest, book.of(channel), "publish")).toBe("refused");
      for (const other of [
        user(),
        user({ user: "g1" }),
        user({ user: undefined, session: "g1" }),
        user({ user: undefined, session: undefined }),
        { ...guest, guest: "g2" },
      ]) {
        expect(permissionFor(other, book.of(channel), "subscribe")).toBe("refused");
      }
    }
    for (const channel of ["user:g1", "session:g1", "broadcast", "system:a", "chat:1"]) {
      expect(permissionFor(guest, book.of(channel), "subscribe")).toBe("refused");
    }
  });

  test("[P-RULE-8] a condition on a claim holds for a value, one of several values, an item of a list, and a capture", () => {
    const cases: readonly [Access, object, string][] = [
      [{ claim: "role", equals: "editor" }, { role: "editor" }, "allowed"],
      [{ claim: "role", equals: "editor" }, { role: "Editor" }, "refused"],
      [{ claim: "role", equals: "editor" }, { role: ["reader", "editor"] }, "allowed"],
      [{ claim: "role", in: ["a", "b"] }, { role: "b" }, "allowed"],
      [{ claim: "role", in: ["a", "b"] }, { role: "c" }, "refused"],
      [{ claim: "role", in: ["a", "b"] }, {}, "refused"],
      [{ claim: "level", equals: 3 }, { level: 3 }, "allowed"],
      [{ claim: "level", equals: 3 }, { level: "3" }, "refused"],
      [{ claim: "admin", equals: true }, { admin: true }, "allowed"],
      [{ claim: "admin", equals: true }, { admin: "true" }, "refused"],
      [{ claim: "room", equals: "{room}" }, { room: "7" }, "allowed"],
      [{ claim: "room", equals: "{room}" }, { room: 7 }, "allowed"],
      [{ claim: "room", equals: "{room}" }, { room: ["6", "7"] }, "allowed"],
      [{ claim: "room", equals: "{room}" }, { room: "8" }, "refused"],
      [{ claim: "room", equals: "{room}" }, { room: "{room}" }, "refused"],
      [{ claim: "app.role", equals: "x" }, { app: { role: "x" } }, "allowed"],
      [{ claim: "https://a.b/role", equals: "x" }, { "https://a.b/role": "x" }, "allowed"],
      [{ claim: "constructor", equals: "x" }, {}, "refused"],
      [{ claim: "__proto__.role", equals: "x" }, { role: "x" }, "refused"],
    ];
    for (const [access, claims, expected] of cases) {
      const names = JSON.stringify(access).match(/(?<="claim":")[^"]*/g) ?? [];
      const principal = user({ claims: pickClaims(claims, names) ?? {} });
      expect([access, claims, decide(principal, "publish", { publish: access })]).toEqual([
        access,
        claims,
        expected,
      ]);
    }
  });

  test("[P-RULE-7] a list allows whom one of its parts allows, and all allows whom each of its parts allows", () => {
    const editor = user({ claims: { role: "editor" } });
    const pattern = "user:{user}";
    const own = { all: ["own-user", { claim: "role", equals: "editor" }] } as const;
    const book = new RuleBook([
      { pattern, subscribe: own, publish: ["own-user", "guests"], retention },
    ]);
    expect(permissionFor(editor, book.of("user:ada"), "subscribe")).toBe("allowed");
    expect(permissionFor(user(), book.of("user:ada"), "subscribe")).toBe("refused");
    expect(permissionFor(editor, book.of("user:eve"), "subscribe")).toBe("refused");
    expect(permissionFor(user(), book.of("user:ada"), "publish")).toBe("allowed");
    expect(permissionFor(guest, book.of("user:ada"), "publish")).toBe("allowed");
    expect(permissionFor(user(), book.of("user:eve"), "publish")).toBe("refused");
    const op = new RuleBook([
      operationRule({
        subscribe: ["operation-owner", { claim: "role", equals: "support" }],
        command: { all: ["operation-owner", { claim: "role", equals: "editor" }] },
      }),
    ]);
    const support = user({ claims: { role: "support" } });
    expect(permissionFor(support, op.of("operation:9"), "subscribe")).toBe("allowed");
    expect(permissionFor(user(), op.of("operation:9"), "subscribe")).toEqual({ ownerOf: "9" });
    expect(permissionFor(editor, op.of("operation:9"), "command")).toEqual({ ownerOf: "9" });
    expect(permissionFor(support, op.of("operation:9"), "command")).toBe("refused");
    expect(op.of("operation:9").policy.projection).toBe("operation");
  });

  test("[P-RULE-9] presence and history follow subscribe, and the end follows publish, unless the rule says otherwise", () => {
    const open = { subscribe: "authenticated", publish: "authenticated" } as const;
    for (const action of ["presence", "history", "end"] as const) {
      expect(decide(user(), action, open)).toBe("allowed");
      expect(decide(guest, action, open)).toBe("refused");
      const said: Partial<Rule> =
        action === "presence"
          ? { presence: { show: "members", access: "granted" } }
          : { [action]: "granted" };
      expect(decide(user(), action, { ...open, ...said })).toBe("refused");
      const grants = { subscribe: ["room:*"], publish: ["room:*"] };
      // A grant of the action from which it would follow does not widen what the rule says itself.
      expect(decide(user({ grants }), action, { ...open, ...said })).toBe("refused");
      const exact = { ...grants, [action]: ["room:*"] };
      expect(decide(user({ grants: exact }), action, { ...open, ...said })).toBe("allowed");
      expect(decide(service, action, { ...open, ...said })).toBe("allowed");
    }
  });

  test.each([
    ["an owner that the pattern does not capture", { history: ["own-user"] }, "history"],
    ["nobody among others", { subscribe: ["nobody", "guests"] }, "subscribe"],
    ["an empty list", { publish: [] }, "publish"],
    ["a condition without a value", { end: { claim: "role" } }, "end"],
    ["a condition with two forms", { end: { claim: "a", equals: 1, in: [1] } }, "end"],
    ["a condition on no name", { end: { claim: "", equals: 1 } }, "end"],
    ["a capture that the pattern lacks", { end: { claim: "a", equals: "{org}" } }, "end"],
    ["a command on a channel that takes none", { command: "authenticated" }, "command"],
    ["too many parts", { subscribe: Array(51).fill("guests") }, "subscribe"],
  ] as const)("[P-RULE-6] a rule with %s is refused", (_, said, field) => {
    expect(() => decide(user(), "end", said as Partial<Rule>)).toThrow(
      new RegExp(`rule "room:\\{room\\}": ${field} `),
    );
  });

  test("[P-RULE-10] a rule for operations changes only who may read and command them", () => {
    expect(() => new RuleBook([{ ...operationRule({}), publish: "authenticated" }])).toThrow(
      /publish is set by the gateway/,
    );
    expect(() => new RuleBook([{ ...operationRule({}), rate: { perSecond: 1 } }])).toThrow(
      /rate is set/,
    );
    const book = new RuleBook([
      { pattern: "{a}:{b}", subscribe: "anyone", publish: "anyone", retention },
      operationRule({ command: "nobody" }),
    ]);
    expect(permissionFor(user(), book.of("operation:9"), "subscribe")).toEqual({ ownerOf: "9" });
    expect(permissionFor(user(), book.of("operation:9"), "publish")).toBe("refused");
    expect(permissionFor(service, book.of("operation:9"), "command")).toBe("refused");
  });

  test("[P-RULE-8] a value that rules cannot compare counts as a missing claim", () => {
    const odd = {
      a: {},
      b: null,
      c: "x".repeat(1_025),
      d: Array(101).fill("x"),
      e: [{}],
      f: Number.POSITIVE_INFINITY,
      g: "fine",
    };
    expect(pickClaims(odd, ["a", "b", "c", "d", "e", "f", "g", "h"])).toEqual({ g: "fine" });
    expect(pickClaims(odd, ["a"])).toBeUndefined();
    expect(pickClaims(undefined, ["a"])).toBeUndefined();
  });
});
