import { startRedis } from "@milepost/redis/testing";
import { loadConfig, serve } from "@milepost/server";
import { describe, expect, it } from "vitest";
import { run } from "../program.ts";
import { startGateway } from "../testing/test-gateway.ts";
import { runCommand, TestTerminal } from "../testing/test-terminal.ts";

describe("milepost tail", () => {
  it("milepost tail makes a token for the channel and prints each entry until it is interrupted", async () => {
    await using server = await startGateway();
    await server.gateway.publish("chat:42", "message", { n: 1 });
    const terminal = new TestTerminal(server.env);
    const ended = run(["tail", "chat:42", "--since", "start"], terminal);
    await terminal.line(/message \{"n":1\}$/);
    await server.gateway.publish("chat:42", "message", { n: 2 });
    expect(await terminal.line(/\{"n":2\}$/)).toMatch(/^\d{4}-\S+Z [\w-]+\.2\.[\w-]+ message/);
    terminal.interrupt.abort();
    expect(await ended).toBe(0);
    expect(terminal.errLines).toEqual([]);
  });

  it("[P-WILD-2] milepost tail follows everything below a prefix and prints the channel of each entry", async () => {
    await using server = await startGateway();
    for (const n of [1, 2]) await server.gateway.publish(`collection:42:doc:${n}`, "indexed", n);
    const args = ["tail", "collection:42:*", "--since", "start", "--count", "2"];
    const { code, out } = await runCommand(args, server.env);
    expect(code).toBe(0);
    expect(out).toEqual([
      expect.stringMatching(/ collection:42:doc:1 indexed 1$/),
      expect.stringMatching(/ collection:42:doc:2 indexed 2$/),
    ]);
    const json = await runCommand([...args, "--json"], server.env);
    expect(json.out.map((line) => JSON.parse(line))).toMatchObject([
      { channel: "collection:42:*", source: "collection:42:doc:1" },
      { channel: "collection:42:*", source: "collection:42:doc:2" },
    ]);
  });

  it("milepost tail prints JSON and stops after --count entries", async () => {
    await using server = await startGateway();
    for (let n = 1; n <= 5; n++) await server.gateway.publish("chat:42", "message", { n });
    const args = ["tail", "chat:42", "--last", "3", "--count", "2", "--json"];
    const { code, out } = await runCommand(args, server.env);
    expect(code).toBe(0);
    const items = out.map((line) => JSON.parse(line));
    expect(items.filter(({ type }) => type === "event").map(({ data }) => data.n)).toEqual([3, 4]);
  });

  it("milepost tail reads a channel that its token allows, and exits with 1 for one that the token does not allow", async () => {
    await using server = await startGateway();
    const token = await server.gateway.mintToken({ user: "7" });
    const env = { MILEPOST_URL: server.url, MILEPOST_TOKEN: token };
    await server.gateway.publish("user:7", "hello", 1);
    const own = await runCommand(["tail", "user:7", "--since", "start", "--count", "1"], env);
    expect(own.code).toBe(0);
    expect(await runCommand(["tail", "user:8"], env)).toMatchObject({
      code: 1,
      err: [expect.stringMatching(/forbidden/)],
    });
  });

  it("milepost tail does not reconnect to a gateway that refuses its token, and exits with 1", async () => {
    await using server = await startGateway();
    const env = { MILEPOST_URL: server.url, MILEPOST_TOKEN: "nonsense" };
    const outcome = await runCommand(["tail", "user:7"], env);
    expect(outcome.code).toBe(1);
    expect(outcome.err.join("\n")).toMatch(/4401 the token is not valid/);
  });

  it("milepost tail prints the reason in the server's response when the server refuses a WebSocket", async () => {
    await using server = await startGateway([], { role: "api" });
    const terminal = new TestTerminal(server.env);
    const ended = run(["tail", "chat:42"], terminal);
    const why = await terminal.line(/ says: /);
    expect(why).toMatch(
      /^milepost: http:\S+ says: not_found: the role of this process does not serve this; /,
    );
    terminal.interrupt.abort();
    expect(await ended).toBe(0);
  });

  it("milepost tail says that the gateway cannot be reached, and why", async () => {
    const secret = { MILEPOST_TOKEN_SECRET: "a secret of more than thirty-two bytes" };
    const terminal = new TestTerminal({ MILEPOST_URL: "http://127.0.0.1:1", ...secret });
    const ended = run(["tail", "chat:42"], terminal);
    await terminal.line(/^milepost: http:\/\/127.0.0.1:1 cannot be reached: .*ECONNREFUSED/);
    terminal.interrupt.abort();
    expect(await ended).toBe(0);
  });

  it.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined)(
    "[P-NOTICE-1] milepost tail says when the gateway loses the connection to its store and when it is back",
    async () => {
      await using redis = await startRedis();
      const flags = { dev: true, port: 0, redis: redis.url, logLevel: "silent" } as const;
      const config = loadConfig({ flags, env: {} });
      const { gateway, url } = await serve(config, { process: new TestTerminal().process });
      await using _gateway = gateway;
      await gateway.publish("chat:42", "message", 1);
      const env = { MILEPOST_URL: url, MILEPOST_TOKEN_SECRET: config.tokenSecret };
      const terminal = new TestTerminal(env);
      const ended = run(["tail", "chat:42", "--since", "start"], terminal);
      await terminal.line(/message 1$/);
      await redis[Symbol.asyncDispose]();
      await terminal.line(/^milepost: degraded: /);
      await using _again = await startRedis([], redis.port);
      await terminal.line(/^milepost: restored: /);
      terminal.interrupt.abort();
      expect(await ended).toBe(0);
    },
  );
});
