import { createECDH, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { type TestAuthority, testAuthority } from "@milepost/redis/testing";
import { afterAll, describe, expect, it } from "vitest";
import { verifySignature } from "../backends/signature.ts";
import { startGateway } from "../testing/test-gateway.ts";
import { type ReachOptions, TargetSender, webhookMethod } from "./target-sender.ts";

const isMissing = process.env.MILEPOST_OPENSSL === undefined;
const authority: TestAuthority | undefined = isMissing ? undefined : testAuthority();
afterAll(() => authority?.[Symbol.dispose]());
const egress = { allow: ["loopback", "hooks.test"], ca: authority?.ca ?? "" };
const webhookSecret = "a secret from which the secrets of webhooks follow";
const signal = new AbortController().signal;
let made = 0;

interface Arrived {
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** Starts an https server that answers as the test says. */
async function target(answer: (response: ServerResponse, request: IncomingMessage) => void) {
  if (authority === undefined) throw new Error("there is no openssl");
  const { certFile, keyFile } = authority.sign(`target-${++made}`, ["IP:127.0.0.1"]);
  const arrived: Arrived[] = [];
  let tell = () => {};
  const server = createServer(
    { cert: readFileSync(certFile), key: readFileSync(keyFile) },
    async (request, response) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part);
      arrived.push({ headers: request.headers, body: Buffer.concat(parts) });
      answer(response, request);
      tell();
    },
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${port}/in`,
    arrived,
    /** Resolves with the requests once so many have arrived. */
    async arrivals(count: number): Promise<readonly Arrived[]> {
      while (arrived.length < count) {
        await new Promise<void>((resolve) => {
          tell = resolve;
        });
      }
      return arrived;
    },
    async first(): Promise<Arrived> {
      return (await this.arrivals(1))[0] as Arrived;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function answering(status: number, headers: Record<string, string> = {}) {
  return (response: ServerResponse) => {
    response.writeHead(status, headers);
    response.end("{}");
  };
}

function senderOf(options: ReachOptions = {}) {
  const clock = new ManualClock();
  const sender = new TargetSender(
    { webhookSecret, egress, ...options },
    { clock, random: new SeededRandom() },
  );
  return { sender, clock };
}

/** Keys of a browser, and what decrypts a message for it. */
function browser() {
  const keyPair = createECDH("prime256v1");
  keyPair.generateKeys();
  const auth = randomBytes(16);
  return {
    keys: {
      p256dh: keyPair.getPublicKey().toString("base64url"),
      auth: auth.toString("base64url"),
    },
    read(body: Buffer): unknown {
      // The library that web-push itself encrypts with; it has no types.
      const { decrypt } = createRequire(createRequire(import.meta.url).resolve("web-push"))(
        "http_ece",
      );
      const options = { version: "aes128gcm", privateKey: keyPair, authSecret: auth };
      return JSON.parse(String(decrypt(body, options)));
    },
  };
}

function vapid() {
  const pair = createECDH("prime256v1");
  pair.generateKeys();
  return {
    publicKey: pair.getPublicKey().toString("base64url"),
    privateKey: Buffer.concat([Buffer.alloc(32), pair.getPrivateKey()])
      .subarray(-32)
      .toString("base64url"),
    subject: "mailto:ops@example.com",
  };
}

describe.skipIf(isMissing)("a call of a webhook", () => {
  it("[P-REACH-9] a webhook call is a CloudEvent signed with the webhook's own secret", async () => {
    await using server = await target(answering(204));
    const { sender, clock } = senderOf();
    const event = JSON.stringify({ specversion: "1.0", id: "done:9:1" });
    const outcome = await sender.post({ id: "w1", url: server.url }, event, signal);
    expect(outcome).toEqual({ kind: "sent" });
    const { headers, body } = await server.first();
    expect(String(body)).toBe(event);
    expect(headers["content-type"]).toBe("application/cloudevents+json; charset=utf-8");
    const verified = (id: string) =>
      verifySignature({
        header: String(headers["milepost-signature"]),
        method: webhookMethod,
        body,
        secrets: [sender.secretOf(id)],
        now: clock.now() / 1_000,
      });
    expect([verified("w1"), verified("w2")]).toEqual([true, false]);
  });

  it("[P-REACH-7] each answer to a webhook call means sent, gone, try later, or refused", async () => {
    let status = 0;
    let headers: Record<string, string> = {};
    await using server = await target((response) => answering(status, headers)(response));
    const { sender } = senderOf();
    const cases: [number, Record<string, string>, object][] = [
      [200, {}, { kind: "sent" }],
      [410, {}, { kind: "gone" }],
      [429, { "Retry-After": "7" }, { kind: "later", reason: "answered 429", afterMs: 7_000 }],
      [503, {}, { kind: "later", reason: "answered 503" }],
      [400, {}, { kind: "refused", reason: "answered 400" }],
      [404, {}, { kind: "refused", reason: "answered 404" }],
    ];
    for (const [code, sent, expected] of cases) {
      status = code;
      headers = sent;
      expect(await sender.post({ id: "w", url: server.url }, "{}", signal)).toEqual(expected);
    }
  });

  it("[P-REACH-12] a webhook call follows no redirect", async () => {
    await using elsewhere = await target(answering(200));
    await using server = await target(answering(307, { Location: elsewhere.url }));
    const { sender } = senderOf();
    const outcome = await sender.post({ id: "w", url: server.url }, "{}", signal);
    expect(outcome).toMatchObject({ kind: "refused", reason: expect.stringContaining("redirect") });
    expect(elsewhere.arrived).toEqual([]);
  });

  it("[P-REACH-12] a webhook call reads at most 64 KiB of the answer, and only its status counts", async () => {
    let written = 0;
    await using server = await target((response) => {
      response.writeHead(200);
      const part = Buffer.alloc(65_536, "1");
      const more = () => {
        while (!response.destroyed && response.write(part)) written += part.length;
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    });
    const { sender } = senderOf();
    expect(await sender.post({ id: "w", url: server.url }, "{}", signal)).toEqual({ kind: "sent" });
    expect(written).toBeLessThan(64 * 1_048_576);
  });

  it("[P-REACH-12] a webhook call reaches neither a private address that is not allowed nor a target with an unknown certificate", async () => {
    await using server = await target(answering(200));
    const closed = senderOf({ egress: { ca: egress.ca } });
    expect(await closed.sender.post({ id: "w", url: server.url }, "{}", signal)).toMatchObject({
      kind: "refused",
      reason: expect.stringContaining("not public"),
    });
    const strange = senderOf({ egress: { allow: ["loopback"] } });
    expect(await strange.sender.post({ id: "w", url: server.url }, "{}", signal)).toMatchObject({
      kind: "later",
    });
    expect(server.arrived).toEqual([]);
  });

  it("[P-REACH-7] the sender stops calling a target that fails, until a probe succeeds", async () => {
    let status = 500;
    await using server = await target((response) => answering(status)(response));
    const { sender, clock } = senderOf();
    const post = () => sender.post({ id: "w", url: server.url }, "{}", signal);
    for (let n = 0; n < 5; n++) expect(await post()).toMatchObject({ reason: "answered 500" });
    expect(await post()).toMatchObject({ kind: "later", reason: "the target is failing" });
    expect(server.arrived).toHaveLength(5);
    status = 200;
    await clock.advance(1_000);
    expect(await post()).toEqual({ kind: "sent" });
    expect(await post()).toEqual({ kind: "sent" });
  });

  it("[P-REACH-7] a webhook call ends when the node shuts down, and is tried again later", async () => {
    await using server = await target(() => {});
    const { sender } = senderOf();
    const controller = new AbortController();
    const posting = sender.post({ id: "w", url: server.url }, "{}", controller.signal);
    await server.first();
    controller.abort();
    expect(await posting).toEqual({ kind: "later", reason: "the node shut down" });
  });
});

describe.skipIf(isMissing)("a push", () => {
  it("[P-REACH-8] a push is encrypted with the browser's keys and signed with the gateway's VAPID key", async () => {
    await using server = await target(answering(201));
    const keys = vapid();
    const { sender } = senderOf({ push: keys });
    const page = browser();
    const message = { text: '{"kind":"done"}', ttlMs: 60_000, isUrgent: true };
    const subscription = { endpoint: server.url, keys: page.keys };
    expect(sender.refusalOfKeys(subscription)).toBeUndefined();
    expect(await sender.push(subscription, message, signal)).toEqual({ kind: "sent" });
    const { headers, body } = await server.first();
    expect(String(body)).not.toContain("done");
    expect(page.read(body)).toEqual({ kind: "done" });
    expect(headers).toMatchObject({ ttl: "60", urgency: "high", "content-encoding": "aes128gcm" });
    expect(headers.authorization).toMatch(/^vapid t=[\w.-]+, k=/);
    expect(headers.authorization).toContain(keys.publicKey);
  });

  it("[P-REACH-7] a push to a subscription that the push service no longer knows results in gone", async () => {
    let status = 404;
    await using server = await target((response) => answering(status)(response));
    const { sender } = senderOf({ push: vapid() });
    const subscription = { endpoint: server.url, keys: browser().keys };
    const message = { text: "{}", ttlMs: 1_000, isUrgent: false };
    expect(await sender.push(subscription, message, signal)).toEqual({ kind: "gone" });
    status = 410;
    expect(await sender.push(subscription, message, signal)).toEqual({ kind: "gone" });
  });

  it("[P-REACH-11] a push subscription with unusable keys is refused when it is added", () => {
    const { sender } = senderOf({ push: vapid() });
    const { keys } = browser();
    for (const wrong of [
      { ...keys, auth: "short" },
      { ...keys, auth: "…" },
      { ...keys, p256dh: keys.auth },
      { ...keys, p256dh: "" },
    ]) {
      const subscription = { endpoint: "https://x.test/", keys: wrong };
      expect(sender.refusalOfKeys(subscription)).toEqual(expect.stringContaining("keys."));
    }
  });
});

describe.skipIf(isMissing)("a gateway that reaches users who are away", () => {
  it("[P-REACH-1] [P-REACH-2] a gateway calls a webhook and sends a push for an operation that ends while no page is open", async () => {
    await using server = await target(answering(201));
    const page = browser();
    await using t = await startGateway({ reach: { webhookSecret, push: vapid(), egress } });
    const token = await t.token({ user: "ada" });
    const hook = await t.call("POST", "/v1/webhooks", { body: { url: server.url } });
    expect(hook).toMatchObject({ status: 201, body: { when: "away", secret: expect.any(String) } });
    const added = await t.call("POST", "/v1/users/ada/push-subscriptions", {
      credential: token,
      body: { subscription: { endpoint: server.url, keys: page.keys, expirationTime: null } },
    });
    expect(added.status).toBe(201);
    expect((await t.call("GET", "/v1/push-key", { credential: token })).body.key).toHaveLength(87);
    const { body } = await t.call("POST", "/v1/operations", {
      body: { kind: "index", title: "Index", user_id: "ada" },
    });
    const report = await t.call("POST", `/v1/operations/${body.operation.id}/events`, {
      body: {
        lease: body.lease.token,
        events: [
          { event: "started", data: {} },
          { event: "done", data: {} },
        ],
      },
    });
    expect(report.status).toBe(200);
    const kinds = (await server.arrivals(2)).map(({ headers }) => headers["content-type"]);
    expect(kinds.toSorted()).toEqual([
      "application/cloudevents+json; charset=utf-8",
      "application/octet-stream",
    ]);
    const listed = await t.call("GET", "/v1/users/ada/push-subscriptions", { credential: token });
    expect(JSON.stringify(listed.body)).not.toContain(page.keys.auth);
    const removed = await t.call(
      "DELETE",
      `/v1/users/ada/push-subscriptions/${listed.body.subscriptions[0].id}`,
      { credential: token },
    );
    expect(removed.status).toBe(204);
    expect((await t.call("GET", "/v1/webhooks", { credential: token })).status).toBe(403);
    expect((await t.call("DELETE", `/v1/webhooks/${hook.body.id}`)).status).toBe(204);
    expect((await t.call("GET", "/v1/webhooks")).body).toEqual({ webhooks: [] });
  });
});
