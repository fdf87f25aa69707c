import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { endWithThisProcess } from "@milepost/redis/testing";

const command = fileURLToPath(new URL("../../../packages/cli/dist/main.js", import.meta.url));

/** Secrets of the nodes that a benchmark starts. */
export const secrets = { tokenSecret: "t".repeat(48), apiKey: "k".repeat(48) } as const;

const startTimeoutMs = 60_000;

/** A `milepost serve` in a process of its own. */
export interface ServedNode extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
}

/**
 * Starts a node on a free port, with more settings in its environment; resolves once it and all its workers listen.
 * Disposing kills it.
 */
export async function serveNode(
  settings: Readonly<Record<`MILEPOST_${string}`, string>>,
): Promise<ServedNode> {
  const child = spawn(process.execPath, [command, "serve", "--port", "0"], {
    env: {
      ...process.env,
      NODE_ENV: "production",
      MILEPOST_TOKEN_SECRET: secrets.tokenSecret,
      MILEPOST_API_KEY: secrets.apiKey,
      MILEPOST_MEMORY: "true",
      ...settings,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  endWithThisProcess(child);
  const url = await listening(child, Number(settings.MILEPOST_WORKERS ?? 1));
  return {
    url,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function listening(child: ChildProcess, workers: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = "";
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`milepost serve did not listen within ${startTimeoutMs} ms:\n${printed}`));
    }, startTimeoutMs);
    child.stdout?.on("data", (chunk: Buffer) => {
      printed += chunk.toString("utf8");
      const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(printed) ?? [];
      if (url === undefined) return;
      // The supervisor says so after the last worker; the first line with the URL is that of the first worker.
      if (workers > 1 && !printed.includes(`"event":"process.listening","workers":${workers},`))
        return;
      clearTimeout(timer);
      resolve(url);
    });
    child.once("exit", (code) => {
      clearTimeout(timer);
      reject(
        new Error(`milepost serve ended with code ${code} before it was listening:\n${printed}`),
      );
    });
  });
}
