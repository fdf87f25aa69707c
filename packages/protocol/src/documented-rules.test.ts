import { describe, expect, it } from "vitest";
import { documentText, namedInTests, protocolPages } from "./testing/test-titles.ts";

const id = /\[(P-[A-Z]+-\d+)\]/g;

const protocol = protocolPages().map(documentText).join("\n");
const rules = [...protocol.matchAll(/^- \[(P-[A-Z]+-\d+)\]/gm)].map((match) => match[1] ?? "");
const provenIn = namedInTests(id, ["packages", "examples", "bench", "e2e", "python"]);

describe("the rules of docs/protocol", () => {
  it("every rule of docs/protocol has a unique id", () => {
    expect(rules.length).toBeGreaterThan(50);
    expect(rules.filter((rule, i) => rules.indexOf(rule) !== i)).toEqual([]);
  });

  it("every rule of docs/protocol is named in a test title", () => {
    expect(rules.filter((rule) => !provenIn.has(rule))).toEqual([]);
  });

  it("docs/protocol contains every rule that a test or another rule refers to", () => {
    const named = [...protocol.matchAll(id)].map((match) => match[1] ?? "");
    const unknown = [...provenIn.keys(), ...named].filter((rule) => !rules.includes(rule));
    expect(unknown.map((rule) => [rule, provenIn.get(rule) ?? "docs/protocol"])).toEqual([]);
  });
});
