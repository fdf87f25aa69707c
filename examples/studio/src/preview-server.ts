import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { StudioFile } from "./studio-files.ts";

const script = fileURLToPath(new URL("preview-process.js", import.meta.url));
/** Time that a preview has to start, in milliseconds. */
const startMs = 10_000;

/** A running preview. */
export interface Preview {
  readonly url: string;
  /** Resolves when the process has ended, by itself or by {@link Preview.stop}. */
  readonly ended: Promise<void>;
  stop(): void;
}

/** Starts the preview server with these files. Rejects with what the process printed if it ends or hangs. */
export async function startPreview(files: readonly StudioFile[]): Promise<Preview> {
  const child = fork(script, [], { stdio: ["pipe", "pipe", "pipe", "ipc"] });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let complaint = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString("utf8")).slice(-1_000);
  });
  // A process that ended early no longer reads its input.
  child.stdin?.on("error", () => {});
  child.stdin?.end(JSON.stringify(files));
  let late: NodeJS.Timeout | undefined;
  const url = await Promise.race([
    new Promise<string>((resolve) => {
      child.stdout?.once("data", (chunk: Buffer) => resolve(chunk.toString("utf8").trim()));
    }),
    ended.then(() => undefined),
    new Promise<undefined>((resolve) => {
      late = setTimeout(() => resolve(undefined), startMs);
    }),
  ]);
  clearTimeout(late);
  if (url === undefined) {
    child.kill("SIGKILL");
    throw new Error(complaint.trim() || "the preview did not start in time");
  }
  return { url, ended, stop: () => child.kill("SIGTERM") };
}
