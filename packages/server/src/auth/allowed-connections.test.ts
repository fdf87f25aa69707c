import { SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { startGateway, tokenSecret } from "../testing/test-gateway.ts";

const claims = { connections: "limits.connections" };

async function start(named: object = { claims }) {
  const server = await startGateway({
    auth: { tokenSecret, tokens: named } as never,
    limits: { maxConnectionsPerUser: 2, maxConnectionsPerSession: 1 },
  });
  const token = (connections?: unknown, sid?: string) =>
    new SignJWT({
      sub: "7",
      ...(sid !== undefined && { sid }),
      ...(connections !== undefined && { limits: { connections } }),
    })
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime("10m")
      .sign(new TextEncoder().encode(tokenSecret));
  const open = async (credential: string) => {
    const socket = await server.socket("/ws", { token: credential });
    return socket.next().then(
      ({ type }) => String(type),
      async () => (await socket.closed).code,
    );
  };
  return { server, token, open, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

describe("numbers of connections in a token", () => {
  it("[P-ADM-10] a token's own numbers stand in place of the limits, and another token of the user is judged by its own", async () => {
    await using t = await start();
    const many = await t.token({ user: 5, session: 4 }, "s1");
    for (let n = 0; n < 4; n++) expect(await t.open(many)).toBe("welcome");
    expect(await t.open(await t.token(5))).toBe("welcome");
    // Probes of silent connections take 2 s of real time, so the refusals are awaited together.
    const refused = await Promise.all([t.open(many), t.token().then(t.open)]);
    expect(refused).toEqual([4409, 4409]);
  });

  it("[P-ADM-10] a token without numbers has the limits, and so has one whose claim the deployment does not name", async () => {
    await using t = await start({});
    const token = await t.token(5);
    expect([await t.open(token), await t.open(token)]).toEqual(["welcome", "welcome"]);
    expect(await t.open(token)).toBe(4409);
  });

  it.each([[0], [-1], [1.5], ["5"], [1_001], [null], [{ user: 0 }], [{ session: "3" }], [[5]]])(
    "[P-ADM-10] the number %j is refused",
    async (connections) => {
      await using t = await start();
      expect(await t.open(await t.token(connections))).toBe(4401);
    },
  );
});
