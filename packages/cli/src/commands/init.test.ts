import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig, redacted } from "@milepost/server";
import { afterAll, describe, expect, it } from "vitest";
import { sampleSettings } from "../init/sample-settings.ts";
import { run } from "../program.ts";
import { runCommand, TestTerminal } from "../testing/test-terminal.ts";

const root = await mkdtemp(join(tmpdir(), "milepost-init-"));
afterAll(() => rm(root, { recursive: true }));

/** Variables in the text of a file for shells. */
function variablesIn(text: string): Record<string, string> {
  const pairs = text.matchAll(/^(MILEPOST_\w+)=(.*)$/gm);
  return Object.fromEntries([...pairs].map(([, name, value]) => [name, value]));
}

describe("milepost init", () => {
  it("the files of milepost init start a gateway, and the key and secret of backend.env work with it", async () => {
    const folder = join(root, "new", "folder");
    const made = await runCommand(["init", folder, "--port", "18787"]);
    expect(made).toMatchObject({ code: 0, err: [] });
    const config = join(folder, "milepost.json");
    const server = new TestTerminal();
    // A development start says where it listens; with secrets of the file it makes up none.
    const quiet = ["--dev", "--log-level", "silent"];
    const ended = run(["serve", "--config", config, "--port", "0", ...quiet], server);
    const { MILEPOST_URL: url, ...secrets } = variablesIn(
      await readFile(join(folder, "backend.env"), "utf8"),
    );
    expect(url).toBe("http://127.0.0.1:18787");
    const shown = await server.line(/export MILEPOST_URL=/);
    const env = { ...secrets, MILEPOST_URL: shown.split("=")[1] ?? "" };
    expect(await runCommand(["publish", "chat:42", "message", "{}"], env)).toMatchObject({
      code: 0,
    });
    const tail = await runCommand(["tail", "chat:42", "--last", "1", "--count", "1"], env);
    expect(tail).toMatchObject({ code: 0 });
    server.emitter.emit("SIGTERM");
    expect(await ended).toBe(0);
  });

  it("only their owner can read the files, whatever the umask is, and two runs make other secrets", async () => {
    const before = process.umask(0);
    const folder = join(root, "private");
    try {
      await runCommand(["init", folder]);
    } finally {
      process.umask(before);
    }
    await runCommand(["init", join(root, "other")]);
    for (const name of ["milepost.json", "backend.env"]) {
      expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
    }
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    const secrets = await Promise.all(
      [folder, join(root, "other")].map((at) => readFile(join(at, "backend.env"), "utf8")),
    );
    expect(variablesIn(secrets[0] ?? "").MILEPOST_API_KEY).not.toBe(
      variablesIn(secrets[1] ?? "").MILEPOST_API_KEY,
    );
    // The gateway's file has the key by its hash alone.
    const { MILEPOST_API_KEY = "" } = variablesIn(secrets[0] ?? "");
    expect(await readFile(join(folder, "milepost.json"), "utf8")).not.toContain(MILEPOST_API_KEY);
  });

  it("a file that exists is never replaced without --force, and then nothing is written at all", async () => {
    const folder = join(root, "kept");
    await mkdir(folder);
    await writeFile(join(folder, "backend.env"), "mine");
    const refused = await runCommand(["init", folder]);
    expect(refused.code).toBe(1);
    expect(refused.err.join()).toMatch(/backend\.env exists, and nothing was written; .*--force/);
    expect(await readdir(folder)).toEqual(["backend.env"]);
    expect(await readFile(join(folder, "backend.env"), "utf8")).toBe("mine");
    await chmod(join(folder, "backend.env"), 0o644);
    expect(await runCommand(["init", folder, "--force"])).toMatchObject({ code: 0 });
    expect((await readdir(folder)).sort()).toEqual(["backend.env", "milepost.json"]);
    expect((await stat(join(folder, "backend.env"))).mode & 0o777).toBe(0o600);
  });

  it("a flag that no gateway accepts is refused with its fix, and nothing is written", async () => {
    const folder = join(root, "wrong");
    const { code, err } = await runCommand(["init", folder, "--origin", "app.example.com/path"]);
    expect(code).toBe(3);
    expect(err.join()).toMatch(/allowedOrigins.*must be an origin as browsers send it/);
    await expect(stat(folder)).rejects.toThrow();
  });

  it("what the flags say counts, and every other setting is a comment", async () => {
    const folder = join(root, "flags");
    const flags = ["--host", "0.0.0.0", "--redis", "redis://10.0.0.2:6379", "--proxy", "10.0.0.5"];
    await runCommand(["init", folder, ...flags, "--metrics-port", "9464"]);
    const config = loadConfig({ file: join(folder, "milepost.json"), env: {} });
    expect(config).toMatchObject({
      host: "0.0.0.0",
      redis: "redis://10.0.0.2:6379",
      trustedProxies: ["10.0.0.5"],
      forwardedHeader: "x-forwarded-for",
      metricsPort: 9464,
    });
    const rest = loadConfig({ env: { MILEPOST_TOKEN_SECRET: "t".repeat(40) } });
    expect({ limits: config.limits, rules: config.rules, port: config.port }).toEqual({
      limits: rest.limits,
      rules: rest.rules,
      port: rest.port,
    });
  });

  it("the configuration explains every setting there is, and each is valid once its slashes are gone", async () => {
    const folder = join(root, "all");
    await runCommand(["init", folder]);
    const text = await readFile(join(folder, "milepost.json"), "utf8");
    const bare = text.replaceAll(/^ {2}\/\/ ("\w+": .*,)$/gm, "  $1");
    expect(bare).not.toBe(text);
    const withTls = bare.replace('"redis://', '"rediss://');
    const readFrom = (path: string) => (path === "all.json" ? withTls : "-----BEGIN CERTIFICATE");
    const config = loadConfig({ file: "all.json", env: {}, readFile: readFrom });
    expect(Object.keys(sampleSettings).sort()).toEqual(Object.keys(redacted(config)).sort());
    const lines = text.split("\n");
    expect(lines.filter((line) => line.length > 200 && !/"push"/.test(line))).toEqual([]);
  });
});
