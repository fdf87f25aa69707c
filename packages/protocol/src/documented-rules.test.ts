import { describe, expect, it } from "vitest";
import { documentText, namedInTests, protocolPages } from "./testing/test-titles.ts";

const id = /\[(P-[A-Z]+-\d+)\]/g;

const protocol = protocolPages().map(documentText).join("\n");
const rules = [...protocol.matchAll(/^- \[(P-[A-Z]+-\d+)\]/gm)].map((match) => match[1] ?? "");
const provenIn = namedInTests(id, ["packages", "examples", "bench", "e2e"]);

describe("the rules of docs/protocol", () => {
  it("have an id each", () => {
    expect(rules.length).toBeGreaterThan(50);
    expect(rules.filter((rule, i) => rules.indexOf(rule) !== i)).toEqual([]);
  });

  it("are each named by the title of a test that proves it", () => {
    expect(rules.filter((rule) => !provenIn.has(rule))).toEqual([]);
  });

  it("include every rule that a test or another rule names", () => {
    const named = [...protocol.matchAll(id)].map((match) => match[1] ?? "");
    const unknown = [...provenIn.keys(), ...named].filter((rule) => !rules.includes(rule));
    expect(unknown.map((rule) => [rule, provenIn.get(rule) ?? "docs/protocol"])).toEqual([]);
  });
});
