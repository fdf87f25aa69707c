import type { StandardSchema } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { testCore } from "../testing/index.ts";
import { owns, permissionFor } from "./permissions.ts";
import type { Grants, Principal, UserPrincipal } from "./principal.ts";
import type { Rule } from "./rule.ts";
import { RuleBook } from "./rule-book.ts";

const service: Principal = { kind: "service", name: "backend" };

function user(sub?: string, session?: string, grants: Partial<Grants> = {}): UserPrincipal {
  const all = { subscribe: [], publish: [], ...grants };
  return { kind: "user", user: sub, session, grants: all, expiresAt: undefined };
}

const book = new RuleBook([]);
const nobody = user();
const ada = user("ada", "s1");
const wide = user("eve", "s2", {
  subscribe: ["team:{t}", "doc:*"],
  publish: ["team:7", "operation:*", "*"],
});

describe("the default rules, by role and action", () => {
  test.each([
    ["broadcast", nobody, "allowed", "refused"],
    ["broadcast", service, "allowed", "allowed"],
    ["system:alerts", nobody, "allowed", "refused"],
    ["user:ada", ada, "allowed", "refused"],
    ["user:ada:inbox:1", ada, "allowed", "refused"],
    ["user:ada:operation:9", ada, "allowed", "refused"],
    ["user:bob", ada, "refused", "refused"],
    ["user:bob:operation:9", ada, "refused", "refused"],
    ["user:undefined", nobody, "refused", "refused"],
    ["session:s1", ada, "allowed", "refused"],
    ["session:s1:x", ada, "allowed", "refused"],
    ["session:s2", ada, "refused", "refused"],
    ["session:undefined", nobody, "refused", "refused"],
    ["collection:42:docs", ada, "refused", "refused"],
    ["collection:42:docs", service, "allowed", "allowed"],
    ["anything", ada, "refused", "refused"],
    ["anything", service, "allowed", "allowed"],
    ["connection:1", service, "allowed", "allowed"],
    ["connection:1", ada, "refused", "refused"],
    ["gateway:producer:p", service, "refused", "refused"],
    ["gateway:producer:p", wide, "refused", "refused"],
    ["operation:9", service, "allowed", "refused"],
    ["operation:9", wide, { ownerOf: "9" }, "refused"],
    ["team:7", wide, "allowed", "allowed"],
    ["team:7:sub", wide, "refused", "allowed"],
    ["doc:a:b:c", wide, "allowed", "allowed"],
    ["doc", wide, "refused", "allowed"],
  ] as const)(
    "[P-SUB-8] [P-PUB-3] the default rules decide who may subscribe and publish to %s",
    (channel, principal, subscribe, publish) => {
      expect(permissionFor(principal, book.of(channel), "subscribe")).toEqual(subscribe);
      expect(permissionFor(principal, book.of(channel), "publish")).toEqual(publish);
    },
  );

  test("a grant that is not a pattern grants nothing", () => {
    const odd = user("eve", "s", { subscribe: ["", "**", "a:*:b", "a b", "{", "{a}:{a}", "a:*b"] });
    for (const channel of ["a", "a:x:b", "a:b", "x"]) {
      expect(permissionFor(odd, book.of(channel), "subscribe")).toBe("refused");
    }
  });

  test("an operation belongs to its user and its session, and to nobody when it has neither", () => {
    expect(owns(ada, { user_id: "ada" })).toBe(true);
    expect(owns(ada, { session_id: "s1" })).toBe(true);
    expect(owns(ada, { user_id: "bob", session_id: "s1" })).toBe(true);
    expect(owns(ada, { user_id: "bob" })).toBe(false);
    expect(owns(nobody, {})).toBe(false);
    expect(owns(service, {})).toBe(true);
  });
});

const anything: StandardSchema = {
  "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) },
};

describe("the rules of a node", () => {
  const retention = { maxEntries: 10, maxAgeMs: 1_000 };
  const access = { subscribe: "authenticated", publish: "granted", retention } as const;

  test("the first matching rule applies: the gateway's own before the deployment's, and these before the defaults", () => {
    const rules: Rule[] = [
      { ...access, pattern: "team:{team}:chat" },
      { ...access, pattern: "team:*", subscribe: "nobody" },
      { ...access, pattern: "operation:*" },
      { ...access, pattern: "*" },
    ];
    const own = new RuleBook(rules);
    expect(own.of("team:7:chat")).toMatchObject({ rule: rules[0], captures: { team: "7" } });
    expect(own.of("team:7:chat:x").rule).toBe(rules[1]);
    expect(own.of("operation:9").rule.publish).toBe("nobody");
    expect(own.of("user:ada").rule).toBe(rules[3]);
  });

  test.each([
    ["no pattern", { pattern: "a b" }],
    ["a star in the midst", { pattern: "a:*:b" }],
    ["a capture twice", { pattern: "{a}:{a}" }],
    ["no entries", { pattern: "a", retention: { maxEntries: 0, maxAgeMs: 1 } }],
    ["no age", { pattern: "a", retention: { maxEntries: 1, maxAgeMs: Number.NaN } }],
    ["an owner it does not capture", { pattern: "a:{id}", subscribe: "own-user" }],
    ["a publisher that is a connection", { pattern: "{connection}", publish: "own-connection" }],
    ["a rate of nothing", { pattern: "a", rate: { perSecond: 0 } }],
    ["a burst of nothing", { pattern: "a", rate: { perSecond: 1, burst: 0 } }],
    ["a schema for what is no event", { pattern: "a", schema: { "a b": anything } }],
    ["a merge class for what is no event", { pattern: "a", merge: { welcome: "state" } }],
    ["a roll-up of a prefix it does not have", { pattern: "a:{b}", rollUp: "b:*" }],
    ["a roll-up of itself", { pattern: "a:*", rollUp: "a" }],
    ["a roll-up that no rule offers", { pattern: "a:{b}", rollUp: "a:*" }],
  ] as const)(
    "a rule with %s is refused when the node is created, and the error names the rule",
    (_, wrong) => {
      expect(() => new RuleBook([{ ...access, ...wrong }])).toThrowError(
        expect.objectContaining({
          code: "bad_message",
          message: expect.stringContaining(wrong.pattern),
        }),
      );
    },
  );

  test("[P-RULE-6] the error for invalid rules names all of them at once, each with all of its mistakes", () => {
    const wrong = [
      { ...access, pattern: "a b", retention: { maxEntries: 0, maxAgeMs: 0 } },
      { ...access, pattern: "fine" },
      { ...access, pattern: "b:{x}", subscribe: "own-session" },
    ] as const;
    expect(() => new RuleBook(wrong)).toThrow(
      /^rule "a b": pattern .*; retention .*; retention .*\nrule "b:\{x\}": subscribe .*$/,
    );
  });

  test("a rule book finds the right rule for more names than it caches", () => {
    const own = new RuleBook([{ ...access, pattern: "n:{n}" }]);
    for (let n = 0; n < 25_000; n++) expect(own.of(`n:${n}`).captures.n).toBe(String(n));
    expect(own.of("n:0").captures.n).toBe("0");
  });
});

test("[P-NAME-1] [X5] invalid channel names are refused by every method and create no channel or subscription", async () => {
  await using t = testCore();
  const names = [
    "",
    "*",
    "a:*",
    "a::b",
    ":a",
    "a:",
    "a b",
    "a\nb",
    "é",
    "a:{b}",
    "a\u0000",
    "a".repeat(256),
    "../x",
  ];
  for (const name of names) {
    const code = "invalid_channel";
    await expect(t.publish(name, "e", 1)).rejects.toMatchObject({ code });
    await expect(t.core.channels.history(t.service, name)).rejects.toMatchObject({ code });
    await expect(t.core.channels.snapshot(t.service, name)).rejects.toMatchObject({ code });
    await expect(t.core.channels.purge(t.service, name)).rejects.toMatchObject({ code });
    const socket = t.connect({ principal: t.user("ada"), channels: [name] });
    await t.clock.settle();
    expect(socket.take()[1]).toMatchObject({ type: "reply", id: null, error: { code } });
    socket.drop();
  }
  expect(t.core.stats()).toMatchObject({ channels: 0, subscriptions: 0 });
});

test("[M1] a publication on one channel never reaches subscribers of another channel", async () => {
  await using t = testCore();
  const grants = { subscribe: ["a:*", "b:*", "a"], publish: [] };
  const channels = ["a", "a:1", "a:11", "a:1:1", "b:1", "A:1"];
  const sockets = channels.map((channel) =>
    t.connect({
      principal: t.user("ada", { grants: { ...grants, subscribe: ["*"] } }),
      channels: [channel],
    }),
  );
  await t.clock.settle();
  for (const channel of channels) await t.publish(channel, "to", channel);
  await t.clock.settle();
  for (const [i, socket] of sockets.entries()) {
    const events = socket.take().filter(({ type }) => type === "event");
    expect(events.map(({ data }) => data)).toEqual([channels[i]]);
  }
});
