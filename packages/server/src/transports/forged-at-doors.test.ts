import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { startGateway, type TestGateway, tokenSecret } from "../testing/test-gateway.ts";

const encoded = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

function token(header: unknown, claims: unknown, secret = tokenSecret, hash = "sha256"): string {
  const text = `${encoded(header)}.${encoded(claims)}`;
  return `${text}.${createHmac(hash, secret).update(text).digest("base64url")}`;
}

const exp = Math.floor(Date.now() / 1_000) + 600;
const good = { sub: "7", sid: "s1", exp };
const forged = {
  "alg none": `${encoded({ alg: "none" })}.${encoded(good)}.AA`,
  "another secret": token({ alg: "HS256" }, good, "another secret of thirty-two bytes!!"),
  "HS512 with the secret": token({ alg: "HS512" }, good, tokenSecret, "sha512"),
  "a critical extension": token({ alg: "HS256", crit: ["x"], x: 1 }, good),
  "a claim that occurs twice": token({ alg: "HS256" }, `{"sub":"7","sub":"8","exp":${exp}}`),
  "a fractional exp": token({ alg: "HS256" }, { ...good, exp: exp + 0.5 }),
  "a guest as user": token({ alg: "HS256" }, { ...good, sub: "guest:7" }),
  "neither user nor session": token({ alg: "HS256" }, { exp }),
};

/** Ways to present a token; each resolves with the code of the refusal, or with "accepted". */
const doors: Record<string, (server: TestGateway, credential: string) => Promise<unknown>> = {
  "the header of a WebSocket": async (server, credential) =>
    (await (await server.socket("/ws", { token: credential })).closed).code,
  "the subprotocol of a WebSocket": async (server, credential) => {
    const subprotocols = ["milepost.v1.json", `milepost.token.${credential}`];
    return (await (await server.socket("/ws", { token: null, subprotocols })).closed).code;
  },
  "the query of a WebSocket": async (server, credential) =>
    (await (await server.socket(`/ws?token=${credential}`, { token: null })).closed).code,
  "an auth message": async (server, credential) => {
    const socket = await server.socket("/ws", { token: null });
    socket.send({ type: "auth", id: 1, token: credential });
    expect((await socket.nextOf("reply")).error.code).toBe("unauthenticated");
    return (await socket.closed).code;
  },
  "a session feed": async (server, credential) =>
    (await (await server.socket("/ws/progress/s1", { token: credential })).closed).code,
  "an event stream": async (server, credential) =>
    (await server.call("GET", `/v1/sse?channels=chat:1&token=${credential}`, { credential: null }))
      .status,
  "a long-poll": async (server, credential) =>
    (await server.call("GET", `/v1/poll?channels=chat:1&token=${credential}`, { credential: null }))
      .status,
  "the header of the HTTP API": async (server, credential) =>
    (await server.call("GET", "/v1/channels/chat:1/history", { credential })).status,
};

describe("forged tokens at the doors", () => {
  it.each(Object.entries(doors))("[X2] %s refuses every forged token", async (_, present) => {
    await using server = await startGateway();
    for (const [what, credential] of Object.entries(forged)) {
      expect([what, await present(server, credential)]).toEqual([
        what,
        expect.toSatisfy((code: unknown) => code === 401 || code === 4401 || code === 1008),
      ]);
    }
  });
});
