import { once } from "node:events";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { run } from "../program.ts";
import { serveOn } from "../testing/serve-on.ts";
import { runCommand, TestTerminal } from "../testing/test-terminal.ts";

describe("milepost serve", () => {
  it("[P-DATA-8] a second start on the same folder has the entries and the made-up secrets of the first, and none runs beside it", async () => {
    const root = await mkdtemp(join(tmpdir(), "milepost-serve-"));
    const folder = join(root, "data");
    const first = await serveOn(folder);
    expect(
      await runCommand(["publish", "chat:42", "message", '{"text": "hello"}'], first.env),
    ).toMatchObject({ code: 0 });
    const beside = await runCommand(["serve", "--dev", "--port", "0", "--data", folder], {
      MILEPOST_MEMORY: "",
    });
    expect(beside.code).toBe(3);
    expect(beside.err.join("\n")).toMatch(/another gateway uses the data in .*--redis/);
    expect(await first.stop()).toBe(0);
    const second = await serveOn(folder);
    const { MILEPOST_URL: _url, ...secrets } = second.env;
    expect(first.env).toMatchObject(secrets);
    expect((await stat(join(folder, "dev-secrets.json"))).mode & 0o777).toBe(0o600);
    const tail = await runCommand(["tail", "chat:42", "--last", "1", "--count", "1"], second.env);
    expect(tail.out.join("\n")).toContain('{"text":"hello"}');
    const health = await fetch(`${second.env.MILEPOST_URL}/ws/health`);
    expect(await health.json()).toMatchObject({
      store: { kind: "sqlite", durable: true, durability: "full" },
      redis: { connected: false },
    });
    expect(await second.stop()).toBe(0);
    await rm(root, { recursive: true });
  });

  it("[P-DATA-8] a folder that cannot be written ends the start with 3 and both ways out", async () => {
    for (const flag of [["--dev"], []]) {
      const outcome = await runCommand(
        ["serve", ...flag, "--port", "0", "--log-level", "silent", "--data", "/dev/null/data"],
        { MILEPOST_MEMORY: "", MILEPOST_TOKEN_SECRET: flag.length > 0 ? "" : "s".repeat(48) },
      );
      expect(outcome.code).toBe(3);
      expect(outcome.err.join("\n")).toMatch(/cannot be written .*--data DIR.*--memory/);
    }
  });

  it("milepost serve --dev prints commands for trying the gateway, and these commands work", async () => {
    const terminal = new TestTerminal();
    const ended = run(["serve", "--dev", "--port", "0", "--log-level", "silent"], terminal);
    const exported = async (name: string) =>
      (await terminal.line(new RegExp(`export ${name}=`))).split("=").slice(1).join("=");
    const env = {
      MILEPOST_URL: await exported("MILEPOST_URL"),
      MILEPOST_API_KEY: await exported("MILEPOST_API_KEY"),
      MILEPOST_TOKEN_SECRET: await exported("MILEPOST_TOKEN_SECRET"),
    };
    expect(
      await runCommand(["publish", "chat:42", "message", '{"text": "hello"}'], env),
    ).toMatchObject({ code: 0 });
    const tail = await runCommand(["tail", "chat:42", "--last", "1", "--count", "1"], env);
    expect(tail.out.join("\n")).toContain('{"text":"hello"}');
    // The secrets are printed to standard error, for the person at the terminal, because a program may read
    // standard output.
    expect(terminal.outLines).toEqual([]);
    terminal.emitter.emit("SIGTERM");
    expect(await ended).toBe(0);
  });

  it("milepost serve says in one line that its port is in use and exits with 1", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const outcome = await runCommand([
      "serve",
      "--dev",
      "--port",
      String(port),
      "--log-level",
      "silent",
    ]);
    expect(outcome).toMatchObject({
      code: 1,
      err: [
        `milepost: port ${port} on 127.0.0.1 is in use; stop the process that listens on it or choose another port`,
      ],
    });
    taken.close();
  });

  it("milepost serve says in one line which rule is wrong and exits with 3", async () => {
    const folder = await mkdtemp(join(tmpdir(), "milepost-serve-"));
    const file = join(folder, "settings.json");
    const retention = { maxEntries: 1, maxAgeMs: 1_000 };
    const rule = { pattern: "*:x", subscribe: "granted", publish: "granted", retention };
    await writeFile(file, JSON.stringify({ rules: [rule] }));
    const outcome = await runCommand(["serve", "--dev", "--port", "0", "--config", file]);
    await rm(folder, { recursive: true });
    expect(outcome).toMatchObject({
      code: 3,
      err: [expect.stringMatching(/mistake:\n {2}- [^\n]*: rules\.0\.pattern must be [^\n]*$/)],
    });
  });
});
