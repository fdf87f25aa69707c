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

it("external text with line breaks and control characters stays within one log line", async () => {
  const lines: string[] = [];
  const log = createLog({ readable: false, destination: { write: (line) => lines.push(line) } });
  log.info({ field: 'a\r\nb\u001b[31m"}', err: new Error("c\nd") }, "e\nf");
  expect(lines).toHaveLength(1);
  for (const sign of ["\r", "\n", "\u001b"]) expect(lines[0]?.trimEnd()).not.toContain(sign);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ field: 'a\r\nb\u001b[31m"}', msg: "e\nf" });
});
