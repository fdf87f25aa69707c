import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type CliGateway, startGateway } from "../testing/test-gateway.ts";
import { runCommand } from "../testing/test-terminal.ts";

const rules = [
  {
    pattern: "job:*",
    subscribe: "granted",
    publish: "granted",
    retention: { maxEntries: 100, maxAgeMs: 3_600_000 },
    durable: { maxAttempts: 1 },
  },
] as const;

/**
 * Publishes the entries, rejects each as a durable subscriber, and waits until each is a dead letter. Returns
 * the subscriber's socket.
 */
async function refuse(server: CliGateway, entries: readonly unknown[]): Promise<WebSocket> {
  const token = await server.gateway.mintToken({
    user: "ada",
    channels: { subscribe: ["job:*"], publish: [] },
  });
  const url = `${server.url.replace("http", "ws")}/ws?token=${token}`;
  const socket = new WebSocket(url, ["milepost.v1.json"]);
  const next = async () => JSON.parse(String((await once(socket, "message"))[0]));
  await next();
  socket.send(JSON.stringify({ type: "subscribe", id: 1, channel: "job:a", as: "worker" }));
  await next();
  for (const data of entries) {
    const arrival = next();
    await server.gateway.publish("job:a", "n", data);
    const { channel, position } = await arrival;
    const nack = { type: "nack", id: 2, channel, position, reason: "no\u001b[31m disk" };
    const reply = next();
    socket.send(JSON.stringify(nack));
    await reply;
  }
  for (;;) {
    const { out } = await runCommand(["dlq", "list", "--json"], server.env);
    if (JSON.parse(out[0] ?? "").kept === entries.length) return socket;
  }
}

describe("milepost dlq", () => {
  it("milepost dlq lists dead letters as a table or JSON, and shows one", async () => {
    await using server = await startGateway(rules);
    expect(await runCommand(["dlq"], server.env)).toMatchObject({
      out: ["ID  AT  CHANNEL  SUBSCRIBER  TRIES  REASON"],
    });
    const socket = await refuse(server, [1, 2]);
    const { out } = await runCommand(["dlq", "list", "--limit", "1"], server.env);
    expect(out[1]).toMatch(/^\S+ {2}\S+Z {2}job:a {4}worker {6}1 {5}\s*refused: no�\[31m disk$/);
    expect(out[2]).toMatch(/^more: --after 1-/);
    const after = out[2]?.split(" ").at(-1) ?? "";
    const rest = await runCommand(["dlq", "list", "--after", after, "--json"], server.env);
    const [letter] = JSON.parse(rest.out[0] ?? "").letters;
    const shown = await runCommand(["dlq", "show", letter.id], server.env);
    expect(JSON.parse(shown.out.join("\n"))).toEqual(letter);
    expect(letter.entry.data).toBe(2);
    expect(await runCommand(["dlq", "show", "1-none"], server.env)).toMatchObject({
      code: 1,
      err: [expect.stringMatching(/not_found/)],
    });
    socket.terminate();
  });

  it("milepost dlq replays or drops one dead letter or those that options select, and refuses to act on all without an option", async () => {
    await using server = await startGateway(rules);
    const socket = await refuse(server, [1, 2, 3]);
    const arrived = once(socket, "message");
    const all = ["dlq", "replay", "--channel", "job:a"];
    expect(await runCommand(all, server.env)).toMatchObject({ code: 0, out: ["3 replayed"] });
    expect(String((await arrived)[0])).toContain('"attempt":2');
    for (const verb of ["replay", "drop"]) {
      expect(await runCommand(["dlq", verb], server.env)).toMatchObject({
        code: 2,
        err: [expect.stringMatching(/--channel, --subscriber or --reason/)],
      });
    }
    const { out } = await runCommand(["dlq", "list", "--json"], server.env);
    const [{ id }] = JSON.parse(out[0] ?? "").letters;
    expect(await runCommand(["dlq", "replay", id], server.env)).toMatchObject({
      out: [`${id} replayed to its subscriber`],
    });
    expect(await runCommand(["dlq", "drop", id], server.env)).toMatchObject({
      out: [`${id} dropped`],
    });
    const dropped = await runCommand(["dlq", "drop", "--reason", "refused", "--json"], server.env);
    expect(JSON.parse(dropped.out[0] ?? "")).toEqual({ done: 2, failed: [] });
    socket.terminate();
  });
});
