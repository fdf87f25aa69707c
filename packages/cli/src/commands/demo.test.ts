import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { WebSocket } from "ws";
import { run } from "../program.ts";
import { runCommand, TestTerminal } from "../testing/test-terminal.ts";

it("milepost demo serves a page, a token and live work to its own machine, and stops with a signal", async () => {
  const terminal = new TestTerminal();
  const ended = run(["demo", "--port", "0"], terminal);
  const line = await terminal.line(/export MILEPOST_URL=/);
  const [, url = "", key = ""] = /URL=(\S+) MILEPOST_API_KEY=(\S+)/.exec(line) ?? [];
  const page = await fetch(`${url}/`);
  expect(page.headers.get("content-security-policy")).toContain("default-src 'self'");
  const text = await page.text();
  for (const [, file] of text.matchAll(/(?:href|src)="(demo\.\w+)"/g)) {
    expect((await fetch(`${url}/${file}`)).status, file).toBe(200);
  }
  expect((await fetch(`${url}/console/`)).status).not.toBe(403);
  // A page elsewhere gets no token.
  const foreign = { method: "POST", headers: { origin: "https://evil.example" } };
  expect((await fetch(`${url}/demo-token`, foreign)).status).toBe(403);
  const answer = await fetch(`${url}/demo-token`, { method: "POST" });
  const { token } = (await answer.json()) as { token: string };

  const socket = new WebSocket(`${url.replace("http", "ws")}/ws?personal=1`);
  socket.once("open", () => socket.send(JSON.stringify({ type: "auth", token })));
  await new Promise<void>((resolve) => {
    socket.on("message", (data) => {
      const messages = [JSON.parse(String(data))].flat() as { type: string; data?: object }[];
      for (const { type, data } of messages) {
        if (type === "operation" && data !== undefined && "percent" in data) resolve();
      }
    });
  });
  socket.close();
  const env = { MILEPOST_URL: url, MILEPOST_API_KEY: key };
  const listed = await runCommand(["ops", "list"], env);
  expect(listed.out.join("\n")).toMatch(/running.*Index the manuals/);
  terminal.emitter.emit("SIGINT");
  expect(await ended).toBe(0);
  await expect(fetch(url)).rejects.toThrow();
});

it("milepost demo says in one line that its port is in use", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => taken.once("listening", resolve));
  const { port } = taken.address() as AddressInfo;
  expect(await runCommand(["demo", "--port", String(port)])).toMatchObject({
    code: 1,
    err: [
      `milepost: port ${port} is in use; stop the process that listens on it, or choose another with --port`,
    ],
  });
  taken.close();
});
