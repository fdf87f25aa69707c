import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { startGateway } from "../testing/test-gateway.ts";
import { runCommand } from "../testing/test-terminal.ts";

describe("milepost connections, disconnect and revoke", () => {
  it("[P-CONN-1] milepost connections lists connections, [P-CONN-2] disconnect closes them and [P-CONN-4] revoke revokes access", async () => {
    await using server = await startGateway();
    const token = await server.gateway.mintToken({ user: "7", session: "s1" });
    const socket = new WebSocket(`${server.url.replace("http", "ws")}/ws?token=${token}`);
    const closed = new Promise<number>((resolve) => {
      socket.once("close", resolve);
    });
    await new Promise((resolve) => socket.once("message", resolve));
    const listed = await runCommand(["connections", "--user", "7"], server.env);
    expect(listed).toMatchObject({
      code: 0,
      out: [expect.stringContaining("NODE"), expect.stringMatching(/ 7 +s1 .*websocket/)],
    });
    const json = await runCommand(["connections", "--session", "s1", "--json"], server.env);
    expect(JSON.parse(json.out[0] ?? "")).toMatchObject({ connections: [{ user_id: "7" }] });
    const disconnected = await runCommand(["disconnect", "--user", "7"], server.env);
    expect(disconnected).toMatchObject({ code: 0, out: ["1 disconnected"] });
    expect(await closed).toBe(4410);
    const revoked = await runCommand(["revoke", "--user", "7", "--ttl", "48"], server.env);
    expect(revoked).toMatchObject({ code: 0, out: ["revoked"] });
    const refused = await runCommand(["ops"], {
      ...server.env,
      MILEPOST_API_KEY: "",
      MILEPOST_TOKEN: token,
    });
    expect(refused).toMatchObject({ code: 1, err: [expect.stringContaining("token_revoked")] });
  });

  for (const [command, names] of [
    ["connections", "--user, --session, --connection or --node"],
    ["disconnect", "--user, --session, --connection or --node"],
    ["revoke", "--user, --session or --token"],
  ] as const) {
    it(`milepost ${command} requires exactly one target and otherwise exits with 2`, async () => {
      // The command reports the usage error before it calls a gateway, so no gateway runs.
      const env = {
        MILEPOST_URL: "http://127.0.0.1:1",
        MILEPOST_API_KEY: "key-of-the-test-service",
      };
      expect(await runCommand([command], env)).toMatchObject({
        code: 2,
        err: [`milepost: name one of ${names}`],
      });
      expect(await runCommand([command, "--user", "7", "--session", "s1"], env)).toMatchObject({
        code: 2,
        err: [`milepost: name one of ${names}, not 2`],
      });
    });
  }
});
