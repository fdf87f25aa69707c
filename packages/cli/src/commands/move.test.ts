import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@milepost/client";
import { startRedis } from "@milepost/redis/testing";
import { createTokens } from "@milepost/server";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { run } from "../program.ts";
import { serveOn } from "../testing/serve-on.ts";
import { runCommand, TestTerminal } from "../testing/test-terminal.ts";

/** Reads a channel from a position, up to the entry with the number. */
async function readTo(env: Record<string, string>, last: number, since?: string) {
  const { MILEPOST_URL: url = "", MILEPOST_TOKEN_SECRET: secret = "" } = env;
  const token = () =>
    createTokens(secret).mint({ user: "ada", channels: { subscribe: ["chat:*"] } });
  const socket = `${url.replace("http", "ws")}/ws`;
  const client = createClient({
    url: socket,
    token,
    webSocket: WebSocket,
    transports: ["websocket"],
  });
  const seen: number[] = [];
  const gaps: unknown[] = [];
  try {
    return await new Promise<{ seen: number[]; gaps: unknown[]; position: string }>((resolve) => {
      client.channel("chat:1").subscribe(
        {
          onGap: (gap) => void gaps.push(gap),
          onEvent: ({ data, position }) => {
            const { n } = data as { readonly n: number };
            seen.push(n);
            if (n === last) resolve({ seen, gaps, position });
          },
        },
        { since: since ?? "start" },
      );
    });
  } finally {
    await client.close();
  }
}

describe.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined)("milepost move", () => {
  it("[P-MOVE-1] a reader of a gateway with a folder resumes at one on Redis after a move, without a gap", async () => {
    const root = await mkdtemp(join(tmpdir(), "milepost-move-"));
    await using redis = await startRedis();
    const folder = join(root, "data");
    try {
      const first = await serveOn(folder);
      const publish = (env: Record<string, string>, n: number) =>
        runCommand(["publish", "chat:1", "message", JSON.stringify({ n })], env);
      for (const n of [1, 2, 3]) await publish(first.env, n);
      const before = await readTo(first.env, 2);
      const refused = await runCommand(["move", "--to", redis.url, "--data", folder]);
      expect(refused).toMatchObject({
        code: 3,
        err: [expect.stringMatching(/another gateway uses/)],
      });
      await first.stop();
      const moved = await runCommand(["move", "--to", redis.url, "--data", folder]);
      expect(moved).toMatchObject({ code: 0 });
      expect(moved.err.at(-1)).toMatch(/start the gateways with --redis/);
      const { MILEPOST_TOKEN_SECRET = "", MILEPOST_API_KEY = "" } = first.env;
      const secrets = { MILEPOST_TOKEN_SECRET, MILEPOST_API_KEY };
      const terminal = new TestTerminal(secrets);
      const flags = ["--port", "0", "--log-level", "silent", "--redis", redis.url];
      const ended = run(["serve", "--dev", ...flags], terminal);
      const url = (await terminal.line(/export MILEPOST_URL=/)).split("=").slice(1).join("=");
      const env = { ...secrets, MILEPOST_URL: url };
      await publish(env, 4);
      const after = await readTo(env, 4, before.position);
      expect(after).toMatchObject({ seen: [3, 4], gaps: [] });
      terminal.emitter.emit("SIGTERM");
      await ended;
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});
