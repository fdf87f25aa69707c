import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ChannelPattern } from "./channel-pattern.ts";
import type { Rule } from "./rule.ts";
import { RuleBook } from "./rule-book.ts";
import { RuleTrie } from "./rule-trie.ts";

const part = fc.constantFrom("a", "b", "c", "__proto__", "constructor");
const patternPart = fc.oneof(part, fc.constantFrom("{x}", "{y}", "{z}"));
const pattern = fc
  .tuple(fc.array(patternPart, { maxLength: 4 }), fc.boolean())
  .map(([parts, open]) => (open ? [...parts, "*"] : parts).join(":"))
  .map((text) => ({ text, pattern: ChannelPattern.read(text) }))
  .filter((read) => read.pattern !== undefined);
const name = fc
  .tuple(
    fc.array(fc.oneof(part, fc.constant("other")), { minLength: 1, maxLength: 5 }),
    fc.boolean(),
  )
  .map(([parts, all]) => (all ? [...parts, "*"] : parts));

function read(text: string): ChannelPattern {
  const found = ChannelPattern.read(text);
  if (found === undefined) throw new Error(`${text} is no pattern`);
  return found;
}

describe("the rule that applies to a name", () => {
  test("[P-RULE-1] the rule found for a name is the first of all that match, as a scan of all rules confirms", () => {
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 30 }), fc.array(name), (drawn, names) => {
        const patterns = drawn.map(({ text }) => read(text));
        const trie = new RuleTrie(patterns);
        for (const channel of names) {
          const first = patterns.findIndex((each) => each.match(channel) !== undefined);
          expect(trie.find(channel), channel.join(":")).toBe(first < 0 ? undefined : first);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("[P-RULE-1] finding a rule takes as many steps with ten rules as with ten thousand", () => {
    const stepsWith = (count: number) => {
      const patterns = Array.from({ length: count }, (_, n) => read(`tenant-${n}:{room}:*`));
      const trie = new RuleTrie([...patterns, read("*")]);
      let steps = 0;
      const segments = new Proxy(["tenant-7", "lobby", "x"], {
        get(target, key, receiver) {
          if (typeof key === "string" && /^\d+$/.test(key)) steps++;
          return Reflect.get(target, key, receiver);
        },
      });
      expect(trie.find(segments)).toBe(7);
      return steps;
    };
    expect(stepsWith(10_000)).toBe(stepsWith(10));
  });

  test("[P-RULE-1] the rule found has the captures of its own pattern, even if other patterns name the same segment differently", () => {
    const retention = { maxEntries: 1, maxAgeMs: 1 };
    const access = { subscribe: "granted", publish: "granted", retention } as const;
    const rules: Rule[] = [
      { ...access, pattern: "{tenant}:room:{room}" },
      { ...access, pattern: "{org}:*" },
    ];
    const book = new RuleBook(rules);
    expect(book.of("acme:room:7").captures).toEqual({ tenant: "acme", room: "7" });
    expect(book.of("acme:hall:7").captures).toEqual({ org: "acme" });
  });
});

describe("channel patterns", () => {
  test("a pattern covers another one exactly when it matches every name that the other one matches", () => {
    let covered = 0;
    fc.assert(
      fc.property(pattern, pattern, fc.array(name, { minLength: 20 }), (one, two, names) => {
        const [a, b] = [read(one.text), read(two.text)];
        if (a.covers(b)) {
          covered++;
          for (const each of names) if (b.match(each)) expect(a.match(each)).toBeDefined();
          return;
        }
        // A name made of the other pattern's literals, with a new segment for each capture, is a
        // counterexample.
        const made = b.segments.map((segment) => ("literal" in segment ? segment.literal : "new"));
        const longer = [...made, "new"];
        const names2 = b.isOpen ? [longer, [...longer, "new"]] : [made];
        expect(names2.some((each) => a.match(each) === undefined)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
    expect(covered).toBeGreaterThan(100);
  });

  test("a pattern explains a mismatch exactly when a name does not match it", () => {
    fc.assert(
      fc.property(pattern, name, ({ text }, channel) => {
        const each = read(text);
        expect(each.mismatch(channel) === undefined).toBe(each.match(channel) !== undefined);
      }),
      { numRuns: 3_000 },
    );
    const why = (text: string, channel: string) => read(text).mismatch(channel.split(":"));
    expect(why("user:{user}", "session:7")).toBe("segment 1 is session, not user");
    expect(why("a:{b}", "a")).toBe("it has 1 segment; the pattern needs more");
    expect(why("a:*", "a")).toBe("the * needs one more segment");
    expect(why("a", "a:b")).toBe("it has 2 segments; the pattern has fewer");
    expect(why("a:{b}", "a:*")).toBe("segment 2 is *, and {b} stands for one segment, not for all");
  });
});
