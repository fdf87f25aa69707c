import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRedis } from "@milepost/redis/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { startGateway } from "../testing/test-gateway.ts";
import { runCommand } from "../testing/test-terminal.ts";

describe("milepost doctor", () => {
  it("milepost doctor finds nothing wrong with a healthy gateway and shows no secret", async () => {
    await using server = await startGateway();
    const { code, out } = await runCommand(["doctor"], server.env);
    expect(code).toBe(0);
    const text = out.join("\n");
    for (const check of ["health", "ready", "websocket", "credential"]) {
      expect(text).toMatch(new RegExp(`✓ ${check}`));
    }
    expect(text).toMatch(
      /✓ health +HTTP 200 healthy; \d+ connections here; store memory, which a restart empties$/m,
    );
    expect(text).toMatch(/✓ ready +HTTP 200 healthy$/m);
    expect(text).toContain('"[set]"');
    expect(text).not.toContain(server.env.MILEPOST_TOKEN_SECRET);
    expect(text).not.toContain(server.env.MILEPOST_API_KEY);
    const json = await runCommand(["doctor", "--json"], server.env);
    expect(JSON.parse(json.out[0] ?? "")).toMatchObject({
      mistakes: [],
      config: { port: 8787 },
      findings: [{ ok: true }, { ok: true }, { ok: true }, { ok: true }],
    });
  });

  it("milepost doctor names the checks that get no answer and exits with 1", async () => {
    const env = {
      MILEPOST_URL: "http://127.0.0.1:1",
      MILEPOST_TOKEN_SECRET: "a secret of more than thirty-two bytes",
    };
    const { code, out } = await runCommand(["doctor"], env);
    expect(code).toBe(1);
    expect(out.join("\n")).toMatch(
      /✗ health .*✗ ready .*✗ websocket .*✗ credential .*MILEPOST_API_KEY/s,
    );
  });

  it.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined)(
    "milepost doctor reads the settings of Redis and warns of those that weaken a guarantee",
    async () => {
      await using server = await startGateway();
      await using redis = await startRedis();
      const env = { ...server.env, MILEPOST_REDIS_URL: redis.url };
      const { out } = await runCommand(["doctor"], env);
      expect(out.join("\n")).toMatch(/! Redis at \S+ has appendonly off.*✓ redis /s);
      const away = { ...server.env, MILEPOST_REDIS_URL: "redis://:sesame@127.0.0.1:1" };
      const lost = await runCommand(["doctor"], away);
      expect(lost.code).toBe(1);
      expect(lost.out.join("\n")).toMatch(/✗ redis +.*ECONNREFUSED/);
      expect(lost.out.join("\n")).not.toContain("sesame");
    },
  );

  for (const [role, skipped, asked] of [
    ["gateway", "credential", "websocket"],
    ["api", "websocket", "credential"],
  ] as const) {
    it(`milepost doctor accepts a gateway of role ${role} and skips the checks of what that role does not serve`, async () => {
      await using server = await startGateway([], { role });
      const told = await runCommand(["doctor"], server.env);
      expect(told.code).toBe(0);
      expect(told.out.join("\n")).toMatch(new RegExp(`- ${skipped} +not served in this role`));
      expect(told.out.join("\n")).toMatch(new RegExp(`✓ ${asked}`));
    });
  }

  it("milepost doctor accepts a missing credential when the configured role accepts no credentials", async () => {
    await using server = await startGateway([], { role: "gateway" });
    const { MILEPOST_API_KEY: _, ...env } = server.env;
    expect((await runCommand(["doctor"], env)).code).toBe(1);
    const { code, out } = await runCommand(["doctor"], { ...env, MILEPOST_ROLE: "gateway" });
    expect(code).toBe(0);
    expect(out.join("\n")).toMatch(/- credential +not served in this role/);
  });

  it("milepost doctor checks the gateway at its configured address unless --url names another", async () => {
    await using server = await startGateway();
    const { MILEPOST_URL: url = "", ...env } = server.env;
    const own = { ...env, MILEPOST_HOST: "0.0.0.0", MILEPOST_PORT: new URL(url).port };
    const { code, out } = await runCommand(["doctor"], own);
    expect(code).toBe(0);
    expect(out).toContain(`Gateway ${url}`);
    const elsewhere = await runCommand(["doctor", "--url", "http://127.0.0.1:1"], own);
    expect(elsewhere.out).toContain("Gateway http://127.0.0.1:1");
  });

  it("milepost doctor separates long setting names from their values", async () => {
    const { out } = await runCommand(["doctor"], { MILEPOST_TOKEN_SECRET: "s".repeat(48) });
    expect(out.join("\n")).toMatch(/sseMaxLifetimeMs +300000/);
  });

  it("milepost doctor lists the mistakes of the configuration and exits with 3", async () => {
    const { code, out } = await runCommand(["doctor"], { MILEPOST_PORT: "x" });
    expect(code).toBe(3);
    expect(out.join("\n")).toMatch(/✗ MILEPOST_PORT.*✗ tokenSecret is missing/s);
  });
});

describe("milepost doctor <channel>", () => {
  const access = {
    subscribe: "granted",
    publish: "granted",
    retention: { maxEntries: 5_000, maxAgeMs: 90_000 },
  };

  function withRules(rules: unknown): string[] {
    const folder = mkdtempSync(join(tmpdir(), "milepost-doctor-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "milepost.json");
    writeFileSync(file, JSON.stringify({ rules }));
    return ["--config", file];
  }

  it("milepost doctor <channel> shows the rule that applies, earlier rules that do not match, and the consequences", async () => {
    const { code, out } = await runCommand(["doctor", "collection:42:doc:7"], {});
    expect(code).toBe(0);
    expect(out).toEqual([
      "collection:42:doc:7",
      "  rule collection:{collection}:* (default)",
      "  captured   collection = 42",
      "  subscribe  users whose token grants it, and services",
      "  publish    users whose token grants it, and services",
      "  kept       the newest 1,000 entries, each for 1 hour",
      "  state      none: a subscription begins at the head",
      "  merge      for slow subscribers: operation: state by operation_id",
      "  priority   normal",
      "  rate       no limit",
      "  schema     any data",
      "  read as    itself, and as part of collection:42:*",
      "Rules before it that do not match:",
      expect.stringMatching(
        /^ {2}operation:\{operation\} \(the gateway's own\): segment 1 is collection, not operation$/,
      ),
      ...Array.from({ length: out.length - 14 }, () =>
        expect.stringMatching(/^ {2}\S+ \(.+\): \S/),
      ),
    ]);
  });

  it("milepost doctor <channel> shows everything that a configured rule defines, with its index in the file", async () => {
    const config = withRules([
      { ...access, pattern: "doc:{doc}:*", rollUp: true },
      {
        ...access,
        pattern: "chat:{user}:{room}",
        subscribe: "own-user",
        publish: "nobody",
        projection: { name: "keyed", by: "id" },
        priority: "high",
        merge: { typed: "text", moved: { class: "state", by: "id" }, "*": "ephemeral" },
        rate: { perSecond: 2.5 },
        schema: { said: { type: "object" }, "*": false },
      },
    ]);
    const { code, out } = await runCommand(["doctor", "chat:7:lobby", ...config], {});
    expect(code).toBe(0);
    const text = out.join("\n");
    for (const line of [
      "rule chat:{user}:{room} (rules.1 of the configuration)",
      "captured   user = 7, room = lobby",
      "subscribe  user 7, services, and users whose token grants it",
      "publish    nobody but the gateway itself",
      "kept       the newest 5,000 entries, each for 90 seconds",
      "state      the latest data by id",
      "merge      for slow subscribers: typed: text, moved: state by id, all others: ephemeral",
      "priority   high",
      "rate       2.5 publishes a second on each node, 2 at once",
      "schema     said and all other events are checked",
      "read as    itself only",
      "doc:{doc}:* (rules.0 of the configuration): segment 1 is chat, not doc",
    ]) {
      expect(text).toContain(`  ${line}`);
    }
    const json = await runCommand(["doctor", "chat:7:lobby", "--json", ...config], {});
    expect(JSON.parse(json.out[0] ?? "")).toMatchObject({
      channel: "chat:7:lobby",
      place: { pattern: "chat:{user}:{room}", origin: "deployment", index: 1 },
      captures: { user: "7", room: "lobby" },
      rule: { rate: { perSecond: 2.5 }, schema: { said: { type: "object" }, "*": false } },
      says: { priority: "high" },
      warnings: [],
    });
  });

  it("milepost doctor <channel> explains a name that ends in :*, and exits with 1 when the channel cannot be read", async () => {
    const whole = await runCommand(["doctor", "collection:42:*"], {});
    expect(whole.code).toBe(0);
    const text = whole.out.join("\n");
    expect(text).toContain("read as    everything below the prefix, in one order");
    expect(text).toContain("publish    nobody: a name that ends in :* is only for reading");
    const part = await runCommand(["doctor", "collection:42:doc:*"], {});
    expect(part.code).toBe(1);
    expect(part.out.join("\n")).toContain("nobody: the channels below this prefix");
    expect(part.err.join("\n")).toContain("collection:42:*");
  });

  it("[P-RULE-6] milepost doctor warns of each rule that never applies and names the rule that hides it", async () => {
    const config = withRules([
      { ...access, pattern: "chat:*" },
      { ...access, pattern: "chat:{room}" },
      { ...access, pattern: "operation:{id}" },
    ]);
    const expected = [
      "! chat:{room} (rules.1 of the configuration) never applies: chat:* (rules.0 of the configuration) comes first and matches all its names",
      "! operation:{id} (rules.2 of the configuration) never applies: operation:{operation} (the gateway's own) comes first and matches all its names",
    ];
    const { code, out } = await runCommand(["doctor", "chat:1", ...config], {});
    expect(code).toBe(0);
    expect(out.filter((line) => line.startsWith("!"))).toEqual(expected);
  });

  it("milepost doctor <channel> exits with 2 for an invalid name, and with 3 and a list of mistakes for invalid rules", async () => {
    const odd = await runCommand(["doctor", "a b"], {});
    expect([odd.code, odd.out]).toEqual([2, []]);
    expect(odd.err.join("\n")).toContain("channel must be segments");
    const config = withRules([{ ...access, pattern: "a b" }, { pattern: "b" }]);
    const wrong = await runCommand(["doctor", "a", ...config], {});
    expect(wrong.code).toBe(3);
    expect(wrong.err.join("\n")).toMatch(/rules\.0\.pattern.*rules\.1\.subscribe/s);
  });
});
