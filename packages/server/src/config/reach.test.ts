import { describe, expect, test } from "vitest";
import { ConfigError } from "./config-error.ts";
import { loadConfig, redacted } from "./load-config.ts";

const secret = "a secret of more than thirty-two bytes";
const push = {
  publicKey: Buffer.alloc(65, 4).toString("base64url"),
  privateKey: Buffer.alloc(32, 7).toString("base64url"),
  subject: "mailto:ops@example.com",
};

function load(settings: object, files: Readonly<Record<string, string>> = {}) {
  const all: Readonly<Record<string, string>> = {
    ...files,
    c: JSON.stringify({ tokenSecret: secret, ...settings }),
  };
  return loadConfig({
    env: {},
    file: "c",
    readFile: (path) => {
      const text = all[path];
      if (text === undefined) throw new Error("no such file");
      return text;
    },
  });
}

function mistakes(settings: object): readonly string[] {
  try {
    load(settings);
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
}

describe("the ways to reach people who are away, in the configuration", () => {
  test("the configuration takes VAPID keys, a secret for webhooks and addresses that may be called; none is set by default", () => {
    expect(load({}).reach).toBeUndefined();
    const egress = { allow: ["hooks.internal", "10.0.0.0/8", "loopback"], caFile: "ca.pem" };
    const config = load({ push, webhookSecret: secret, egress }, { "ca.pem": "PEM" });
    expect(config.reach).toEqual({
      push,
      webhookSecret: secret,
      egress: { allow: egress.allow, ca: "PEM" },
    });
  });

  test("VAPID keys, the webhook secret and allowed addresses are read from the environment too", () => {
    const env = {
      MILEPOST_TOKEN_SECRET: secret,
      MILEPOST_PUSH: JSON.stringify(push),
      MILEPOST_WEBHOOK_SECRET: secret,
      MILEPOST_EGRESS_ALLOW: "hooks.internal,10.0.0.0/8",
    };
    expect(loadConfig({ env }).reach).toEqual({
      push,
      webhookSecret: secret,
      egress: { allow: ["hooks.internal", "10.0.0.0/8"] },
    });
  });

  test("[P-REACH-11] each mistake in push, webhookSecret and egress is reported with its fix", () => {
    for (const [settings, words] of [
      [{ push: { ...push, publicKey: push.privateKey } }, "push.publicKey must be the public key"],
      [{ push: { ...push, privateKey: "…" } }, "push.privateKey must be the private key"],
      [{ push: { ...push, subject: "ops" } }, "push.subject must be a mailto: or https: address"],
      [{ webhookSecret: "short" }, "webhookSecret must have at least 32 bytes"],
      [{ egress: { allow: ["https://x"] } }, "egress.allow"],
      [{ egress: { caFile: "gone.pem" }, webhookSecret: secret }, "egress.caFile: cannot read"],
    ] as const) {
      expect(mistakes(settings)).toEqual([expect.stringContaining(words)]);
    }
  });

  test("[X1] the private VAPID key and the webhook secret are never shown", () => {
    const shown = JSON.stringify(redacted(load({ push, webhookSecret: secret })));
    expect(shown).not.toContain(push.privateKey);
    expect(shown).not.toContain(secret);
    expect(JSON.stringify(redacted(load({})))).toContain('"push":"[none]"');
  });
});
