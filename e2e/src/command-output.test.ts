import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { secrets, serveGateway } from "./fixtures/served.ts";

const command = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));

/** Destination of a command's output: a device that is always full, or a pipe whose reader is gone. */
type Sink = "full disk" | "closed pipe";

/** Runs a command whose standard output cannot be written, and resolves to its exit code and standard error. */
async function run(args: readonly string[], sink: Sink, url = "http://127.0.0.1:1") {
  const full = openSync("/dev/full", "w");
  try {
    const child = spawn(process.execPath, [command, ...args], {
      env: {
        ...process.env,
        MILEPOST_URL: url,
        MILEPOST_TOKEN_SECRET: secrets.tokenSecret,
        MILEPOST_API_KEY: secrets.apiKey,
      },
      stdio: ["ignore", sink === "full disk" ? full : "pipe", "pipe"],
    });
    child.stdout?.destroy();
    let err = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      err += text;
    });
    const [code] = (await once(child, "close")) as [number | null];
    return { code, err };
  } finally {
    closeSync(full);
  }
}

describe("a command whose output cannot be written", () => {
  it("on a full disk every command prints one line that says so, and exits with 1", async () => {
    await using server = await serveGateway("--dev");
    const said = /^milepost: cannot write to standard output: ENOSPC[^\n]*\n$/;
    const published = await run(["publish", "log:a", "e", '"x"'], "full disk", server.url);
    for (const outcome of [
      published,
      ...(await Promise.all(
        [
          ["--help"],
          ["token", "--user", "7"],
          ["tail", "log:a", "--since", "start"],
          ["tail", "log:a", "--since", "start", "--json"],
          ["ops", "list"],
          ["dlq", "list", "--json"],
          ["connections", "--user", "7"],
          ["doctor", "log:a", "--json"],
          ["end", "log:b"],
        ].map((args) => run(args, "full disk", server.url)),
      )),
    ]) {
      expect(outcome).toEqual({ code: 1, err: expect.stringMatching(said) });
    }
  });

  it("with a reader that has closed the pipe, commands end with 0 and print nothing", async () => {
    await using server = await serveGateway("--dev");
    await run(["publish", "log:a", "e", '"x"'], "full disk", server.url);
    for (const args of [["--help"], ["tail", "log:a", "--since", "start"]]) {
      expect(await run(args, "closed pipe", server.url)).toEqual({ code: 0, err: "" });
    }
  });

  it.each(["full disk", "closed pipe"] as const)(
    "milepost serve goes on without its log when the log meets a %s, and stops as usual",
    async (sink) => {
      const full = openSync("/dev/full", "w");
      const child = spawn(process.execPath, [command, "serve", "--dev", "--port", "0"], {
        env: { ...process.env, MILEPOST_TOKEN_SECRET: secrets.tokenSecret },
        stdio: ["ignore", sink === "full disk" ? full : "pipe", "pipe"],
      });
      child.stdout?.destroy();
      try {
        let err = "";
        const url = await new Promise<string>((resolve, reject) => {
          child.stderr?.setEncoding("utf8").on("data", (text: string) => {
            err += text;
            const where = /http:\/\/127\.0\.0\.1:\d+/.exec(err);
            if (where !== null) resolve(where[0]);
          });
          child.once("exit", (code) => reject(new Error(`serve ended with ${code}:\n${err}`)));
        });
        for (let i = 0; i < 3; i++) expect((await fetch(`${url}/readyz`)).status).toBe(200);
        const ended = once(child, "exit");
        child.kill("SIGTERM");
        expect(await ended).toEqual([0, null]);
        expect(err).not.toMatch(/^ +at /m);
        const said = err.match(/^the log cannot be written: .*$/gm) ?? [];
        expect(said).toHaveLength(1);
      } finally {
        child.kill("SIGKILL");
        closeSync(full);
      }
    },
  );
});
