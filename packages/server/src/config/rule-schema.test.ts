import { describe, expect, it } from "vitest";
import { startGateway } from "../testing/test-gateway.ts";
import { ConfigError } from "./config-error.ts";
import { loadConfig, redacted } from "./load-config.ts";

const access = {
  subscribe: "granted",
  publish: "granted",
  retention: { maxEntries: 100, maxAgeMs: 60_000 },
};

function load(rules: unknown) {
  const text = JSON.stringify({ rules });
  return loadConfig({ flags: { dev: true }, env: {}, file: "c.json", readFile: () => text });
}

function mistakes(rules: unknown): readonly string[] {
  try {
    load(rules);
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
}

describe("the rules in a configuration file", () => {
  it("[P-RULE-6] a configuration file can set every field of a rule", () => {
    const rules = [
      { ...access, pattern: "c:{connection}", subscribe: "own-connection" },
      {
        ...access,
        pattern: "doc:{doc}:part:{part}",
        projection: { name: "keyed", by: "id" },
        priority: "high",
        merge: { moved: { class: "state", by: "id" }, "*": "ephemeral" },
        rollUp: "doc:{doc}:*",
        rate: { perSecond: 0.5, burst: 3 },
        schema: { moved: { type: "object", required: ["id"] }, "*": true },
      },
      { ...access, pattern: "doc:{doc}:*", rollUp: true },
    ];
    const config = load(rules);
    expect(JSON.parse(JSON.stringify(redacted(config).rules))).toEqual(rules);
    expect(config.rules[1]?.schema?.moved?.["~standard"].vendor).toBe("json-schema");
  });

  it("[P-RULE-6] loadConfig reports every mistake of every rule at once, each with its place", () => {
    const found = mistakes([
      { pattern: "a b", subscribe: "granted", publish: "granted", retention: access.retention },
      { ...access, pattern: "b", subscribe: "everyone", rate: { perSecond: 0 }, colour: "red" },
      { ...access, pattern: "c:{id}", subscribe: "own-user", retention: { maxEntries: 0 } },
      { ...access, pattern: "d:*", schema: { said: { propertys: {} }, "no event": true } },
      { ...access, pattern: "e:{x}", rollUp: "e:*", merge: { welcome: "state" } },
      { ...access, rollUp: true },
      "f",
    ]);
    const expected = [
      /rules\.0\.pattern must be channel segments/,
      /rules\.1\.subscribe must be one of/,
      /rules\.1\.rate\.perSecond/,
      /rules\.1 has unknown fields: "colour"/,
      /rules\.2\.subscribe is own-user, so the pattern must have \{user\}/,
      /rules\.2\.retention\.maxEntries must be at least 1/,
      /rules\.2\.retention\.maxAgeMs is missing/,
      /rules\.3\.schema\.said is not a valid JSON Schema: .*"propertys"/,
      /rules\.4\.rollUp names e:\*, but no rule with that pattern has rollUp: true/,
      /rules\.4\.merge names "welcome", which is no event/,
      /rules\.5\.pattern is missing/,
      /rules\.6 must be a/,
    ];
    for (const each of expected) {
      expect(
        found.filter((line) => each.test(line)),
        `${each} in\n${found.join("\n")}`,
      ).toHaveLength(1);
    }
    expect(found).toHaveLength(expected.length);
  });
});

describe("a rule with a schema and a rate, over HTTP", () => {
  it("[P-RULE-2] [P-RULE-3] a publish with invalid data gets 422 with its place, and one over the rate 429 with a retry time", async () => {
    const schema = { said: { type: "object", properties: { text: { type: "string" } } } };
    const { rules } = load([
      { ...access, pattern: "talk:{room}", schema, rate: { perSecond: 0.001, burst: 2 } },
    ]);
    await using server = await startGateway({ rules });
    const say = (text: unknown) =>
      server.call("POST", "/v1/publish", {
        body: { channel: "talk:1", event: "said", data: { text } },
      });
    expect(await say(5)).toMatchObject({
      status: 422,
      body: { code: "invalid_data", detail: expect.stringContaining("text: must be string") },
    });
    expect((await say("hi")).status).toBe(200);
    const limited = await say("again");
    expect(limited.status).toBe(429);
    expect(limited.body).toMatchObject({ code: "rate_limited", retryable: true });
    expect(limited.body.retry_after_ms).toBeGreaterThan(900_000);
    const { body } = await server.call("GET", "/v1/channels/talk:1/history");
    expect(body.entries).toHaveLength(1);
  });
});
