import { request } from "node:http";
import {
  formatSignature,
  parseSignature,
  type RequestToSign,
  type Signature,
  type SigningKey,
  signPublication,
  signRequest,
} from "@milepost/protocol";
import { describe, expect, it } from "vitest";
import type { GatewayOptions } from "../gateway-options.ts";
import { startGateway, type TestGateway } from "../testing/test-gateway.ts";

const key: SigningKey = { id: "2026-11", secret: "the secret of a test, of 32 bytes and more" };
const newer: SigningKey = {
  id: "2026-12",
  secret: "another secret of a test, of 32 bytes and more",
};
const credential = "key-of-a-service-that-signs";
const target = "/v1/publish";
const publication = { channel: "chat:42", event: "message", data: { text: "hello" } };
const body = JSON.stringify(publication);

function signedBy(required: boolean): Partial<GatewayOptions> {
  const keys = { [key.id]: String(key.secret), [newer.id]: String(newer.secret) };
  const apiKeys = [
    { name: "signer", key: credential, signing: { keys, required } },
    { name: "plain", key: "key-of-a-service-that-does-not-sign" },
  ];
  return { auth: { tokenSecret: "the token secret of a test gateway, which is long", apiKeys } };
}

function post(server: TestGateway, header: string | undefined, sent = body, path = target) {
  const headers = header === undefined ? {} : { "Milepost-Signature": header };
  return server.call("POST", path, { credential, body: sent, headers });
}

const refused = { status: 401, body: { code: "bad_signature", retryable: false } };
const secondsNow = () => Math.floor(Date.now() / 1_000);

async function stored(server: TestGateway): Promise<number> {
  const { body: history } = await server.call("GET", "/v1/channels/chat:42/history", {
    credential,
  });
  return history.entries.length;
}

describe("signed requests", () => {
  it("[P-SIG-1] a request with a right signature is accepted, with each of the key's secrets", async () => {
    await using server = await startGateway(signedBy(true));
    for (const each of [key, newer]) {
      const header = await signRequest(each, { method: "POST", target, body });
      expect(await post(server, header)).toMatchObject({ status: 200 });
    }
    expect(await stored(server)).toBe(2);
  });

  it("[P-SIG-2] a request is refused and stores nothing when its signature was made for anything else", async () => {
    await using server = await startGateway(signedBy(false));
    const right: RequestToSign = { method: "POST", target, body };
    const others: readonly (readonly [SigningKey, RequestToSign])[] = [
      [key, { ...right, body: body.replace("hello", "hullo") }],
      [key, { ...right, body: `${body} ` }],
      [key, { ...right, body: "" }],
      [key, { ...right, method: "PUT" }],
      [key, { ...right, target: "/v1/disconnect" }],
      [key, { ...right, target: `${target}?` }],
      [key, { ...right, target: `${target}?a=1` }],
      [key, { ...right, target: `/v1//publish` }],
      [{ ...key, secret: newer.secret }, right],
      [{ ...key, id: "unknown" }, right],
      [{ id: newer.id, secret: key.secret }, right],
    ];
    for (const [each, made] of others) {
      expect(await post(server, await signRequest(each, made))).toMatchObject(refused);
    }
    const signed = await signRequest(key, right);
    expect(await post(server, signed, body, `${target}?a=1`)).toMatchObject(refused);
    expect(await stored(server)).toBe(0);
  });

  it("[P-SIG-2] a signature whose parts were changed, reordered, repeated or added to is refused", async () => {
    await using server = await startGateway(signedBy(false));
    const header = await signRequest(key, { method: "POST", target, body });
    const read = parseSignature(header);
    if (!read.ok) throw new Error("the signature must be well formed");
    const right: Signature = read.value;
    const [t = "", n = "", k = "", v1 = ""] = header.split(",");
    const wrong = [
      formatSignature({ ...right, timestamp: right.timestamp - 1 }),
      formatSignature({ ...right, nonce: `${right.nonce}x` }),
      formatSignature({ ...right, keyId: newer.id }),
      formatSignature({ ...right, keyHash: "0".repeat(64) }),
      formatSignature({ ...right, mac: right.mac.replace(/^./, (c) => (c === "0" ? "1" : "0")) }),
      formatSignature({ ...right, mac: right.mac.toUpperCase().replace(/^./, "A") }),
      [n, t, k, v1].join(","),
      [t, k, n, v1].join(","),
      [t, n, k, v1, v1].join(","),
      [t, n, k, v1, "v2=00"].join(","),
      [t, n, k].join(","),
      `t=1767225600,${v1}`,
      header.replace("v1=", "v0="),
      header.slice(0, -1),
      ` ${"x".repeat(4_000)}`,
    ];
    for (const each of wrong) expect(await post(server, each)).toMatchObject(refused);
    expect(await stored(server)).toBe(0);
    expect(await post(server, header)).toMatchObject({ status: 200 });
  });

  it("[P-SIG-2] two signature headers in one request are refused, even if one of them is right", async () => {
    await using server = await startGateway(signedBy(false));
    const header = await signRequest(key, { method: "POST", target, body });
    const status = await new Promise((resolve, reject) => {
      const sent = request(
        `${server.url}${target}`,
        {
          method: "POST",
          headers: [
            "Host",
            "127.0.0.1",
            "Authorization",
            `Bearer ${credential}`,
            "Content-Type",
            "application/json",
            "Content-Length",
            String(body.length),
            "Milepost-Signature",
            header,
            "Milepost-Signature",
            header,
          ],
        },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        },
      );
      sent.on("error", reject).end(body);
    });
    expect(status).toBe(401);
  });

  it("[P-SIG-3] a signed request works once, also when it is sent twice at the same time", async () => {
    await using server = await startGateway(signedBy(true));
    const header = await signRequest(key, { method: "POST", target, body });
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(server, header)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(401)]);
    expect(await post(server, header)).toMatchObject(refused);
    const { nonce } = (parseSignature(header) as { value: Signature }).value;
    const other = JSON.stringify({ ...publication, data: 2 });
    const again = await signRequest(key, { method: "POST", target, body: other, nonce });
    expect(await post(server, again, other)).toMatchObject(refused);
    expect(await stored(server)).toBe(1);
  });

  it("[P-SIG-3] a refused signature does not use up its nonce", async () => {
    await using server = await startGateway(signedBy(true));
    const header = await signRequest(key, { method: "POST", target, body });
    expect(await post(server, header, `${body} `)).toMatchObject(refused);
    expect(await post(server, header)).toMatchObject({ status: 200 });
  });

  it("[P-SIG-4] a signature is refused when its time is more than 5 minutes off in either direction", async () => {
    await using server = await startGateway(signedBy(false));
    for (const [off, status] of [
      [-310, 401],
      [310, 401],
      [-280, 200],
      [280, 200],
    ] as const) {
      const timestamp = secondsNow() + off;
      const header = await signRequest(key, { method: "POST", target, body, timestamp });
      expect(await post(server, header)).toMatchObject({ status });
    }
  });

  it("[P-SIG-5] a key that requires signatures changes nothing without one, and may read without one", async () => {
    await using server = await startGateway(signedBy(true));
    const writes = [
      ["POST", "/v1/publish", publication],
      ["POST", "/v1/channels/chat:42/end", {}],
      ["DELETE", "/v1/channels/chat:42", undefined],
      ["POST", "/v1/users/7/notifications", { message: "hi" }],
      ["POST", "/v1/operations", { kind: "index" }],
      ["POST", "/v1/disconnect", { user: "7" }],
    ] as const;
    for (const [method, path, sent] of writes) {
      expect(await server.call(method, path, { credential, body: sent })).toMatchObject(refused);
    }
    expect(await stored(server)).toBe(0);
    const path = "/v1/operations";
    const made = JSON.stringify({ kind: "index" });
    const header = await signRequest(key, { method: "POST", target: path, body: made });
    expect(await post(server, header, made, path)).toMatchObject({ status: 201 });
  });

  it("[P-SIG-5] a signature of a key without signing keys, or of a user, is refused", async () => {
    await using server = await startGateway(signedBy(true));
    const header = await signRequest(key, { method: "POST", target, body });
    const token = await server.token();
    for (const each of ["key-of-a-service-that-does-not-sign", token]) {
      const headers = { "Milepost-Signature": header };
      const answer = server.call("POST", target, { credential: each, body, headers });
      expect(await answer).toMatchObject(refused);
    }
    expect(await stored(server)).toBe(0);
  });

  it("[P-SIG-1] a signed GET and a signed body of NDJSON are verified over exactly what was sent", async () => {
    await using server = await startGateway(signedBy(true));
    const lines = `${body}\n${JSON.stringify({ ...publication, data: "é" })}\n`;
    const header = await signRequest(key, { method: "POST", target, body: lines });
    const headers = { "Milepost-Signature": header, "Content-Type": "application/x-ndjson" };
    expect(await server.call("POST", target, { credential, body: lines, headers })).toMatchObject({
      status: 200,
      body: { results: [{ duplicate: false }, { duplicate: false }] },
    });
    const path = "/v1/channels/chat:42/history?limit=1";
    const signed = await signRequest(key, { method: "GET", target: path, body: "" });
    const read = { credential, headers: { "Milepost-Signature": signed } };
    expect(await server.call("GET", path, read)).toMatchObject({ status: 200 });
    expect(await server.call("GET", path, read)).toMatchObject(refused);
  });
});

describe("signatures that travel with a publication", () => {
  it("[P-SIG-6] a sig is verified, stored and delivered as it was sent", async () => {
    await using server = await startGateway(signedBy(false));
    const socket = await server.socket("/ws/chat/42");
    await socket.nextOf("subscribed");
    const sig = await signPublication(key, { ...publication, key: "k1" });
    const sent = JSON.stringify({ ...publication, key: "k1", sig }, undefined, 2);
    expect(await post(server, undefined, sent)).toMatchObject({ status: 200 });
    expect(await socket.next()).toMatchObject({ type: "message", sig });
    const path = "/v1/channels/chat:42/history";
    expect((await server.call("GET", path, { credential })).body.entries).toMatchObject([{ sig }]);
  });

  it("[P-SIG-6] a sig that was made for another channel, event, data or key is refused, and so is one that was used", async () => {
    await using server = await startGateway(signedBy(false));
    const right = { ...publication, key: "k1" };
    const wrong = [
      { ...right, channel: "chat:43" },
      { ...right, event: "other" },
      { ...right, data: { text: "hullo" } },
      { ...right, key: "k2" },
      publication,
    ];
    for (const each of wrong) {
      const sent = JSON.stringify({ ...right, sig: await signPublication(key, each) });
      expect(await post(server, undefined, sent)).toMatchObject(refused);
    }
    const stale = await signPublication(key, { ...right, timestamp: secondsNow() - 310 });
    expect(await post(server, undefined, JSON.stringify({ ...right, sig: stale }))).toMatchObject(
      refused,
    );
    const forged = await signPublication({ ...key, secret: "x".repeat(32) }, right);
    expect(await post(server, undefined, JSON.stringify({ ...right, sig: forged }))).toMatchObject(
      refused,
    );
    expect(await stored(server)).toBe(0);
    const sent = JSON.stringify({ ...right, sig: await signPublication(key, right) });
    expect(await post(server, undefined, sent)).toMatchObject({ status: 200 });
    expect(await post(server, undefined, sent)).toMatchObject(refused);
  });

  it("[P-SIG-6] a sig with channels, and one that is malformed, is refused with bad_message", async () => {
    await using server = await startGateway(signedBy(false));
    const sig = await signPublication(key, publication);
    const { channel, ...rest } = publication;
    for (const sent of [
      { ...rest, channels: [channel], sig },
      { ...publication, sig: "sig" },
      { ...publication, sig: `${sig}","x":"` },
      { ...publication, sig: `${sig} x` },
    ]) {
      expect(await post(server, undefined, JSON.stringify(sent))).toMatchObject({
        status: 400,
        body: { code: "bad_message" },
      });
    }
  });

  it("[P-SIG-7] a publisher without signing keys may send a sig that only readers can verify", async () => {
    await using server = await startGateway(signedBy(false));
    const sig = await signPublication({ ...key, id: "of-the-readers" }, publication);
    const socket = await server.socket("/ws/chat/42");
    await socket.nextOf("subscribed");
    socket.send({ type: "publish", id: 1, ...publication, sig });
    expect(await socket.nextOf("message")).toMatchObject({ sig });
  });
});
