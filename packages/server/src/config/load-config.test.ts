import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { ConfigError } from "./config-error.ts";
import { type ConfigSources, loadConfig, redacted } from "./load-config.ts";

const secret = "a secret of more than thirty-two bytes";
const apiKey = "a-key-of-sixteen-or-more";

function load({ files = {}, ...sources }: ConfigSources & { files?: Record<string, string> }) {
  return loadConfig({
    env: {},
    readFile: (path) => {
      const text = files[path];
      if (text === undefined) throw new Error("no such file");
      return text;
    },
    ...sources,
  });
}

function mistakes(sources: Parameters<typeof load>[0]): readonly string[] {
  try {
    load(sources);
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
}

describe("the configuration", () => {
  it("loadConfig prefers flags over the environment, the environment over the file, and the file over defaults", () => {
    const config = load({
      flags: { port: 1 },
      env: { MILEPOST_PORT: "2", MILEPOST_HOST: "::1", MILEPOST_TOKEN_SECRET: secret },
      file: "milepost.json",
      files: { "milepost.json": '{"port": 3, "host": "0.0.0.0", "drainMs": 4}' },
    });
    expect(config).toMatchObject({
      port: 1,
      host: "::1",
      drainMs: 4,
      logLevel: "info",
      tokenSecret: secret,
    });
  });

  it("[P-LIM-1] the figures of a collections gateway are settings: users, connections, pings, rate, size and Redis", () => {
    const limits = {
      maxConnectionsPerUser: 10,
      maxConnections: 1_000,
      pingIntervalMs: 30_000,
      connectionMessagesPerSecond: 100,
      maxMessageBytes: 1_048_576,
    };
    const file = { tokenSecret: secret, redis: "redis://127.0.0.1:6379", limits };
    const config = load({ file: "c.json", files: { "c.json": JSON.stringify(file) } });
    expect(config).toMatchObject({ redis: file.redis, limits });
    const rules = [
      {
        pattern: "collection:{collection}:*",
        subscribe: "granted",
        publish: "granted",
        retention: { maxEntries: 1_000, maxAgeMs: 3_600_000 },
        rate: { perSecond: 100 },
        rollUp: true,
      },
      {
        pattern: "collection:{collection}",
        subscribe: "granted",
        publish: "granted",
        retention: { maxEntries: 1_000, maxAgeMs: 3_600_000 },
        rollUp: "collection:{collection}:*",
        summaryFields: ["user_id"],
      },
    ];
    const files = { "c.json": JSON.stringify({ ...file, rules }) };
    expect(load({ file: "c.json", files }).rules).toEqual(rules);
  });

  it("loadConfig reads the file that MILEPOST_CONFIG names", () => {
    const config = load({
      env: { MILEPOST_CONFIG: "c.json" },
      files: {
        "c.json": JSON.stringify({ tokenSecret: secret, apiKeys: [{ name: "w", key: apiKey }] }),
      },
    });
    expect(config.apiKeys).toEqual([{ name: "w", key: apiKey }]);
  });

  it("loadConfig reads secrets from files and strips the final line break", () => {
    const config = load({
      env: { MILEPOST_TOKEN_SECRET_FILE: "/run/secret", MILEPOST_API_KEY_FILE: "/run/key" },
      files: { "/run/secret": `${secret}\n`, "/run/key": `${apiKey}\r\n` },
    });
    expect(config.tokenSecret).toBe(secret);
    expect(config.apiKeys).toEqual([{ name: "default", key: apiKey }]);
  });

  it.each([
    [
      { dev: true },
      {},
      /^host 0\.0\.0\.0 .*tokenSecret and apiKeys are missing; set MILEPOST_TOKEN/,
    ],
    [{ dev: true }, { MILEPOST_TOKEN_SECRET: secret }, /apiKeys is missing; set MILEPOST_API_KEY/],
    [{}, { MILEPOST_TOKEN_SECRET: secret }, /apiKeys is missing.*leave host at 127\.0\.0\.1$/],
  ])(
    "loadConfig refuses a host that others can reach while secrets are missing: %j %j",
    (flags, env, fix) => {
      for (const host of ["0.0.0.0", "::", "192.168.1.5", "gateway.example.com"]) {
        expect(mistakes({ flags: { ...flags, host }, env })).toEqual([
          expect.stringMatching(new RegExp(fix.source.replace("0\\.0\\.0\\.0", ".*"))),
        ]);
      }
      for (const host of ["127.0.0.1", "localhost", "::1", "127.8.8.8"]) {
        expect(mistakes({ flags: { ...flags, host }, env })).toEqual([]);
      }
      const complete = { MILEPOST_TOKEN_SECRET: secret, MILEPOST_API_KEY: apiKey };
      expect(mistakes({ flags: { ...flags, host: "0.0.0.0" }, env: complete })).toEqual([]);
    },
  );

  it("loadConfig takes the variables that name programs of the tests for no settings", () => {
    const programs = Object.fromEntries(
      ["CHROMIUM", "REDIS_SERVER", "OPENSSL", "PYTHON"].map((name) => [`MILEPOST_${name}`, "/x"]),
    );
    expect(mistakes({ env: { MILEPOST_TOKEN_SECRET: secret, ...programs } })).toEqual([]);
  });

  it("loadConfig reads the certificates for Redis from their files, and says what is wrong with them", () => {
    const files = { "/ca": "-----BEGIN CERTIFICATE-----", "/key": "-----BEGIN PRIVATE KEY-----" };
    const env = { MILEPOST_TOKEN_SECRET: secret, MILEPOST_REDIS_CA: "/ca" };
    const secure = { ...env, MILEPOST_REDIS_URL: "rediss://a" };
    expect(load({ env: secure, files }).redisTls).toEqual({ ca: files["/ca"] });
    const found = (more: object) => mistakes({ env: { ...secure, ...more }, files });
    expect(mistakes({ env, files })).toEqual([expect.stringMatching(/rediss/)]);
    expect(found({ MILEPOST_REDIS_KEY: "/key" })).toEqual([expect.stringMatching(/set both/)]);
    expect(found({ MILEPOST_REDIS_CA: "/none" })).toEqual([
      expect.stringMatching(/^redisCa: the file \/none cannot be read/),
    ]);
  });

  it("loadConfig reports every mistake at once, each with its place and an example of a valid value", () => {
    const found = mistakes({
      flags: { drainMs: -1 },
      env: {
        MILEPOST_PORT: "eighty",
        MILEPOST_TOKEN_SECRET: "short",
        MILEPOST_TOKEN_IN_QUERY: "maybe",
        MILEPOST_ALLOWED_ORIGINS: "https://ok.example,https://bad.example/",
        MILEPOST_ALLOWED_HOSTS: "ok.example,https://bad.example",
        MILEPOST_MISSING_ORIGIN: "deny",
        MILEPOST_PROT: "1",
      },
      file: "c.json",
      files: {
        "c.json": JSON.stringify({
          loglevel: "info",
          limits: { maxConnection: 1 },
          rules: [{ pattern: "a" }],
          apiKeys: [{ name: "w", key: "short" }],
        }),
      },
    });
    const expected = [
      /--drain-ms: drainMs must be at least 0.*5000/,
      /MILEPOST_PORT: port must be a number; it is "eighty".*8787/,
      /MILEPOST_TOKEN_SECRET: tokenSecret must have at least 32 bytes.*openssl rand/,
      /MILEPOST_TOKEN_IN_QUERY: tokenInQuery must be a boolean.*true or false/,
      /MILEPOST_ALLOWED_ORIGINS: allowedOrigins\.1 must be an origin/,
      /MILEPOST_ALLOWED_HOSTS: allowedHosts\.1 must be a host .*gateway\.example\.com/,
      /MILEPOST_MISSING_ORIGIN: missingOrigin must be .*allow, refuse/,
      /MILEPOST_PROT is not a setting; did you mean MILEPOST_PORT\?/,
      /"loglevel" is not a setting; did you mean logLevel\?/,
      /limits has unknown fields: "maxConnection"/,
      /rules in c\.json: rules\.0\.subscribe/,
      /apiKeys in c\.json: apiKeys\.0\.key must be at least 16 characters long/,
    ];
    for (const pattern of expected) {
      expect(
        found.filter((line) => pattern.test(line)),
        String(pattern),
      ).toHaveLength(1);
    }
  });

  it("loadConfig refuses an idle timeout that is shorter than the ping interval", () => {
    const found = mistakes({
      env: { MILEPOST_TOKEN_SECRET: secret },
      file: "c.json",
      files: { "c.json": '{"limits": {"pingIntervalMs": 90000}}' },
    });
    expect(found).toEqual([expect.stringMatching(/idleTimeoutMs above pingIntervalMs/)]);
  });

  it("loadConfig refuses an API key that an Authorization header cannot carry", () => {
    for (const key of ["a key of sixteen or more", "s3cret!with#others", `${apiKey}\n`]) {
      expect(mistakes({ env: { MILEPOST_TOKEN_SECRET: secret, MILEPOST_API_KEY: key } })).toEqual([
        expect.stringMatching(/^MILEPOST_API_KEY: .*letters, digits and any of/),
      ]);
    }
  });

  it("[X2] loadConfig reads the keys of tokens from their files, and needs no tokenSecret beside them", () => {
    const { publicKey } = generateKeyPairSync("ed25519");
    const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
    const tokens = {
      keys: [
        { kid: "1", publicKeyFile: "key.pem" },
        { kid: "2", secretFile: "secret" },
      ],
      audience: "gateway",
    };
    const config = load({
      env: { MILEPOST_TOKENS: JSON.stringify(tokens) },
      files: { "key.pem": pem, secret: `${secret}\n` },
    });
    expect(config.tokenOptions).toEqual({
      keys: [
        { kid: "1", publicKey: pem.trim() },
        { kid: "2", secret },
      ],
      audience: "gateway",
    });
    expect(config.tokenSecret).toBe("");
    const jwks = [{ url: "https://issuer.example/jwks.json" }];
    expect(load({ env: { MILEPOST_TOKENS: JSON.stringify({ jwks }) } }).tokenOptions).toEqual({
      jwks,
    });
  });

  it("[X2] loadConfig reports every mistake of the keys of tokens, with the fix and without the key", () => {
    const keys = [
      {},
      { secret: "canary-1" },
      { secret, publicKey: "canary-2" },
      { publicKey: "canary-3" },
      { publicKeyFile: "absent" },
    ];
    const env = { MILEPOST_TOKENS: JSON.stringify({ keys }) };
    const told = mistakes({ env });
    expect(told).toEqual([
      expect.stringMatching(/^tokens.keys\[0\]: set exactly one of secret, secretFile/),
      expect.stringMatching(/^tokens.keys\[1\]: .*at least 32 bytes.*openssl rand/),
      expect.stringMatching(/^tokens.keys\[2\]: set exactly one/),
      expect.stringMatching(/^tokens.keys\[3\]: .*no public key or certificate/),
      expect.stringMatching(/^tokens.keys\[4\]: cannot read absent/),
    ]);
    expect(told.join()).not.toContain("canary");
    for (const wrong of [
      "no json",
      '{"jwks":[{"url":"ftp://a"}]}',
      '{"clockToleranceMs":999999}',
    ]) {
      expect(mistakes({ env: { MILEPOST_TOKENS: wrong } })[0]).toMatch(/^MILEPOST_TOKENS: tokens/);
    }
  });

  it("loadConfig never shows a secret in an error message", () => {
    const found = mistakes({
      env: { MILEPOST_TOKEN_SECRET: "canary", MILEPOST_API_KEY: "canary" },
      file: "c.json",
      files: { "c.json": '{"tokenSecret": "canary-2", nonsense canary-3' },
    });
    expect(found).toHaveLength(3);
    expect(found.join()).not.toContain("canary");
  });

  it("loadConfig refuses a configuration without a token secret and says how to set one", () => {
    expect(mistakes({})).toEqual([expect.stringMatching(/tokenSecret is missing.*openssl.*--dev/)]);
  });

  it("loadConfig generates new secrets at each development start and lists their names in madeUp", () => {
    const one = load({ flags: { dev: true } });
    const other = load({ flags: { dev: true } });
    expect(one.madeUp).toEqual(["tokenSecret", "apiKeys"]);
    expect(one.tokenSecret.length).toBeGreaterThanOrEqual(32);
    expect(one.tokenSecret).not.toBe(other.tokenSecret);
    expect(one.apiKeys).not.toEqual(other.apiKeys);
    expect(one.allowedOrigins).toEqual(["*"]);
    expect(load({ flags: { dev: true }, env: { MILEPOST_TOKEN_SECRET: secret } })).toMatchObject({
      tokenSecret: secret,
      madeUp: ["apiKeys"],
    });
  });

  it("loadConfig refuses a secret that is set both directly and by a file", () => {
    expect(
      mistakes({
        env: { MILEPOST_TOKEN_SECRET: secret, MILEPOST_TOKEN_SECRET_FILE: "/run/secret" },
        files: { "/run/secret": secret },
      }),
    ).toEqual([expect.stringContaining("both set")]);
  });

  it("loadConfig refuses a file that is missing, not JSON or not a JSON object", () => {
    const env = { MILEPOST_TOKEN_SECRET: secret };
    expect(mistakes({ env, file: "gone.json" })).toEqual([
      expect.stringContaining("cannot be read"),
    ]);
    expect(mistakes({ env, file: "c", files: { c: "{" } })).toEqual([
      "c: is not valid JSON at line 1, column 2",
    ]);
    expect(mistakes({ env, file: "c", files: { c: "[]" } })).toEqual([
      expect.stringContaining("must be a JSON object"),
    ]);
  });

  it("loadConfig ignores the variables of a Kubernetes service named milepost and explains one that collides with a setting", () => {
    const links = {
      MILEPOST_SERVICE_HOST: "10.0.0.1",
      MILEPOST_SERVICE_PORT: "8787",
      MILEPOST_SERVICE_PORT_HTTP: "8787",
      MILEPOST_PORT_8787_TCP: "tcp://10.0.0.1:8787",
      MILEPOST_PORT_8787_TCP_ADDR: "10.0.0.1",
    };
    const env = { MILEPOST_TOKEN_SECRET: secret, ...links };
    expect(load({ env }).port).toBe(8787);
    expect(mistakes({ env: { ...env, MILEPOST_PORT: "tcp://10.0.0.1:8787" } })).toEqual([
      expect.stringContaining("enableServiceLinks: false"),
    ]);
  });

  it("[P-RPC-6] loadConfig gives each backend its own secret, the one in its file, or the shared one", () => {
    const own = "the secret of one backend alone, long";
    const file = JSON.stringify({
      methods: {
        "orders.*": { url: "http://orders.internal/rpc", timeoutMs: 5_000 },
        "orders.pay": { url: "https://pay.internal/", secret: own },
        stock: { url: "http://stock.internal/", secretFile: "/run/stock" },
      },
    });
    const env = { MILEPOST_TOKEN_SECRET: secret, MILEPOST_METHOD_SECRET_FILE: "/run/all" };
    const files = {
      "c.json": file,
      "/run/all": `${apiKey} ${apiKey}\n`,
      "/run/stock": `${own}!\n`,
    };
    const config = load({ env, file: "c.json", files });
    expect(config.backends).toEqual({
      "orders.*": {
        url: "http://orders.internal/rpc",
        timeoutMs: 5_000,
        secret: `${apiKey} ${apiKey}`,
      },
      "orders.pay": { url: "https://pay.internal/", secret: own },
      stock: { url: "http://stock.internal/", secret: `${own}!` },
    });
    const shown = JSON.stringify(redacted(config));
    for (const part of [own, apiKey]) expect(shown).not.toContain(part);
    expect(redacted(config)).toMatchObject({
      methods: "[set: orders.*, orders.pay, stock]",
      methodSecret: "[set]",
    });
  });

  it("[P-RPC-6] loadConfig reports every invalid backend", () => {
    const url = "http://orders.internal/";
    const found = (methods: object, files: Record<string, string> = {}) =>
      mistakes({
        env: { MILEPOST_TOKEN_SECRET: secret },
        file: "c.json",
        files: { "c.json": JSON.stringify({ methods }), ...files },
      }).join("\n");
    expect(found({ "orders.*": { url } })).toMatch(/"orders\.\*".*no secret.*openssl rand/);
    expect(found({ x: { url, secret, secretFile: "/s" } })).toContain("both set");
    expect(found({ x: { url, secretFile: "/s" } })).toContain("cannot read /s");
    expect(found({ x: { url, secretFile: "/s" } }, { "/s": "canary" })).toMatch(/32 bytes/);
    expect(found({ x: { url, secretFile: "/s" } }, { "/s": "canary" })).not.toContain("canary");
    expect(found({ "history.x": { url, secret }, "a b": { url, secret } })).toMatch(
      /which are reserved[\s\S]*must be names/,
    );
    expect(found({ x: { url: "http://u:p@h/", secret: "canary", timeoutMs: 0 } })).toMatch(
      /without credentials[\s\S]*32 bytes[\s\S]*timeoutMs/,
    );
  });

  it("[P-SRC-4] loadConfig accepts sources with their own or the gateway's Redis URL and reports every invalid source", () => {
    const found = (sources: unknown, env = {}) =>
      mistakes({
        env: { MILEPOST_TOKEN_SECRET: secret, ...env },
        file: "c.json",
        files: { "c.json": JSON.stringify({ sources }) },
      }).join("\n");
    const env = { MILEPOST_REDIS_URL: "redis://127.0.0.1" };
    const url = "redis://:canary@10.0.0.1";
    expect(found([{ stream: "work" }, { stream: "app:{a}:jobs", url }], env)).toBe("");
    expect(found([{ stream: "work", url }])).toBe("");
    expect(found([{ stream: "work" }])).toMatch(/"work" has no Redis to be read from.*--redis/);
    expect(found([{ stream: "a b" }, { stream: "}{" }, { stream: "" }], env)).toMatch(
      /stream[\s\S]*stream[\s\S]*stream/,
    );
    expect(found([{ stream: "a" }, { stream: "a" }], env)).toContain("different streams");
    expect(found([{ stream: "a", batch: 0, from: "0", groups: "x" }], env)).toMatch(
      /batch[\s\S]*from|from[\s\S]*batch/,
    );
    expect(found([{ stream: "a", url: "http://canary" }])).toContain("must be a URL of redis://");
    const messages = { subscribe: "progress:*", channel: "session:{1}", event: "{type}", url };
    expect(found([messages, { stream: "work", url }])).toBe("");
    expect(found([{ ...messages, url: undefined }])).toMatch(
      /the pattern "progress:\*" has no Redis/,
    );
    expect(found([messages, messages])).toContain("different streams and patterns");
    expect(found([{ ...messages, subscribe: "a**", channel: "{a b}", batch: 1 }])).toMatch(
      /subscribe[\s\S]*channel[\s\S]*batch/,
    );
    const config = load({
      env: { MILEPOST_TOKEN_SECRET: secret },
      file: "c.json",
      files: { "c.json": JSON.stringify({ sources: [{ stream: "work", url }] }) },
    });
    expect(config.sources).toEqual([{ stream: "work", url }]);
    expect(redacted(config)).toMatchObject({ sources: "[set: work]" });
  });

  it("redacted shows a configuration without its secrets", () => {
    const config = load({
      env: { MILEPOST_TOKEN_SECRET: secret, MILEPOST_API_KEY: apiKey },
    });
    const shown = JSON.stringify(redacted(config));
    expect(shown).not.toContain(secret);
    expect(shown).not.toContain(apiKey);
    expect(redacted(config)).toMatchObject({ tokenSecret: "[set]", apiKeys: "[set: default]" });
  });

  it("redacted shows the switches of a setting that also has a secret", () => {
    const own = "x".repeat(48);
    const callback = { url: "https://sessions.internal/", secret: own };
    const file = JSON.stringify({ sessions: { required: true, credentials: false, callback } });
    const env = { MILEPOST_TOKEN_SECRET: secret };
    const shown = redacted(load({ env, file: "c.json", files: { "c.json": file } }));
    expect(shown.sessions).toEqual({ required: true, credentials: false, callback: "[set]" });
    expect(JSON.stringify(shown)).not.toContain(own);
    expect(redacted(load({ env })).sessions).toEqual({ required: false });
  });

  it("[P-SIG-1] loadConfig reads the signing keys of an API key, and reports each mistake in them without showing a secret", () => {
    const signingSecret = "a signing secret of 32 bytes or more";
    const withSigning = (signing: unknown) => ({
      env: { MILEPOST_TOKEN_SECRET: secret },
      file: "c.json",
      files: { "c.json": JSON.stringify({ apiKeys: [{ name: "w", key: apiKey, signing }] }) },
    });
    const right = { keys: { "2026-11": signingSecret }, required: true };
    const config = load(withSigning(right));
    expect(config.apiKeys).toMatchObject([{ signing: right }]);
    expect(JSON.stringify(redacted(config))).not.toContain(signingSecret);
    for (const [wrong, says] of [
      [{ keys: {} }, /needs a key/],
      [{}, /keys/],
      [{ keys: { "2026-11": "canary-that-is-short" } }, /at least 32 bytes; use the output of/],
      [{ keys: { "a b": signingSecret } }, /1 to 64 letters/],
      [{ ...right, required: "yes" }, /required/],
      [{ ...right, require: true }, /require/],
    ] as const) {
      const found = mistakes(withSigning(wrong)).join(" ");
      expect(found).toMatch(says);
      expect(found).not.toMatch(/canary|a signing secret/);
    }
  });
});
