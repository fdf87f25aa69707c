import { RecordingMeter } from "@milepost/core/testing";
import { expect, it } from "vitest";
import { loadConfig, redacted } from "./config/load-config.ts";
import { createLog } from "./runtime/log.ts";
import { startGateway, type TestGateway } from "./testing/test-gateway.ts";

/** Sends the credential to every door in every supported way, and also in an altered, invalid form. */
async function knock(server: TestGateway, credential: string): Promise<void> {
  const sockets = [
    server.socket("/ws", { token: credential }),
    server.socket(`/ws?token=${credential}`, { token: null }),
    server.socket("/ws", { token: null, subprotocols: [`milepost.token.${credential}`] }),
    server.socket("/ws/progress/s1", { token: credential }),
    server.socket(`/ws/progress/${credential}`, { token: null }),
    server.socket(`/ws?ticket=${credential}`, { token: null }),
    server.socket(`/ws/no/such/path?token=${credential}`, { token: null }),
    server.socket(`/ws/chat/*?token=${credential}`, { token: null }),
    server.socket(`/ws?token=${credential}`, {
      token: null,
      headers: { Origin: "https://evil.example" },
    }),
  ];
  for (const socket of await Promise.allSettled(sockets)) {
    if (socket.status === "fulfilled") socket.value.ws.close();
  }
  const inBand = await server.socket("/ws", { token: null });
  inBand.send({ type: "auth", id: 1, token: credential });
  inBand.send({ type: "auth", id: 2, token: `${credential}x` });
  inBand.send(`{"type":"auth","token":"${credential}"`);
  inBand.ws.close();
  await inBand.closed;
  const calls: [string, string, unknown?][] = [
    ["POST", "/v1/publish", { channel: "a", event: "e", data: 1 }],
    ["POST", "/v1/publish", `{"token":"${credential}"`],
    ["GET", `/v1/operations?token=${credential}`],
    ["HEAD", `/v1/sse?token=${credential}`],
    ["GET", `/v1/sse?channels=a b&token=${credential}`],
    ["GET", `/v1/poll?channels=a&token=${credential}`],
    ["GET", `/v1/poll?channels=a&ticket=${credential}`],
    ["GET", `/v1/sessions/${credential}`],
    ["POST", "/v1/poll", []],
    ["POST", `/v1/connections/${credential}/messages`, { type: "auth", id: 1, token: credential }],
    ["GET", `/v1/channels/${credential}/history`],
    ["GET", `/v1/nothing?token=${credential}`],
    ["PUT", "/v1/publish"],
    ["GET", "/ws/health"],
  ];
  for (const [method, path, body] of calls) {
    await server.call(method, path, { credential, body });
    await server.call(method, path, { credential: `${credential}x`, body });
  }
}

it("no token, API key or secret ever appears in the log, however it is sent to the gateway", async () => {
  const lines: string[] = [];
  const key = "canary-api-key-0123456789";
  const secret = "canary-token-secret-0123456789-0123456789";
  const log = createLog({
    level: "trace",
    readable: false,
    destination: { write: (line) => lines.push(line) },
  });
  const verifierFails = new Error("the verifier is down");
  let failing = false;
  {
    await using server = await startGateway({
      log,
      auth: { tokenSecret: secret, apiKeys: [{ name: "canary", key }] },
    });
    const token = await server.token();
    const ended = await server.token({ user: "7", ttlMs: -1_000 });
    for (const credential of [token, ended, key]) await knock(server, credential);
    log.info(
      redacted(loadConfig({ env: { MILEPOST_TOKEN_SECRET: secret, MILEPOST_API_KEY: key } })),
    );

    await using faulty = await startGateway({
      log,
      auth: {
        verifyToken: () => {
          failing = true;
          return Promise.reject(verifierFails);
        },
      },
    });
    await knock(faulty, token);
    const written = lines.join("");
    expect(failing).toBe(true);
    // The log was active: it contains the failure of the verifier and the refused origin.
    expect(written).toContain("the verifier is down");
    expect(written).toContain("https://evil.example");
    for (const part of [token, ended, key, secret, ...token.split(".").slice(1)]) {
      expect(written).not.toContain(part);
    }
  }
});

it("[X1] no token, ticket or API key appears in an answer, a message, a list or a metric, and no answer has a URL with one", async () => {
  const meter = new RecordingMeter();
  const key = "canary-api-key-0123456789";
  const auth = { apiKeys: [{ name: "canary", key }] };
  await using server = await startGateway({ meter, auth });
  const token = await server.token();
  const ended = await server.token({ user: "7", ttlMs: -1_000 });
  const asService = { credential: key };
  const made = await server.call("POST", "/v1/tickets", { ...asService, body: { user: "7" } });
  const ticket: string = made.body.ticket;
  const seen: unknown[] = [];
  const socket = await server.socket("/ws", { token: null });
  const reply = await socket.ask({ type: "auth", id: 1, token });
  const refused = await socket.ask({ type: "auth", id: 2, token: `${token}x` });
  seen.push(reply, refused);
  const ways = [
    ["GET", "/v1/operations"],
    ["GET", "/v1/connections?user=7"],
    ["GET", "/v1/nodes"],
    ["GET", "/v1/dead-letters"],
    ["GET", "/v1/channels/user:7/presence"],
    ["GET", "/v1/channels/user:7/history"],
    ["GET", "/v1/sessions/s1"],
    ["GET", "/ws/health"],
    ["GET", "/healthz"],
    ["GET", "/openapi.json"],
    ["PUT", "/v1/publish"],
    ["GET", "/v1/nothing"],
    ["POST", "/v1/publish"],
  ] as const;
  for (const credential of [token, ended, key, `${token}x`, `${key}x`]) {
    for (const [method, path] of ways) {
      const { headers, ...answer } = await server.call(method, path, { credential });
      seen.push(answer, [...headers]);
    }
    const inUrl = `/v1/poll?channels=user:7&timeout=0&token=${credential}`;
    const { headers, ...answer } = await server.call("GET", inUrl, { credential: null });
    seen.push(answer, [...headers]);
  }
  for (let n = 0; n < 2; n++) {
    const polled = `/v1/poll?channels=user:7&timeout=0&ticket=${ticket}`;
    const { headers, ...answer } = await server.call("GET", polled, { credential: null });
    seen.push(answer, [...headers]);
  }
  const written = JSON.stringify(seen);
  // The socket is in the list of connections, so the answers are those of calls that were allowed.
  expect(written).toContain('"user_id":"7"');
  for (const part of [token, ended, key, ticket, ...token.split(".").slice(1)]) {
    expect(written).not.toContain(part);
  }
  // The meter refuses a label with a value that was not declared before the first token came.
  expect(meter.count("milepost_connections_opened_total")).toBeGreaterThan(0);
});

it("external text with line breaks and control characters stays within one log line", async () => {
  const lines: string[] = [];
  const log = createLog({ readable: false, destination: { write: (line) => lines.push(line) } });
  log.info({ field: 'a\r\nb\u001b[31m"}', err: new Error("c\nd") }, "e\nf");
  expect(lines).toHaveLength(1);
  for (const sign of ["\r", "\n", "\u001b"]) expect(lines[0]?.trimEnd()).not.toContain(sign);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ field: 'a\r\nb\u001b[31m"}', msg: "e\nf" });
});
