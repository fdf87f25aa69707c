import type { ProcessPort } from "@milepost/server";

/** What commands use of the process they run in. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes a line for whoever asked: results go to standard output, … */
  out(line: string): void;
  /** … everything about how it went to standard error. */
  err(line: string): void;
  /** Standard input as text, to its end. */
  input(): Promise<string>;
  /** Aborts when the user has had enough. */
  readonly signal: AbortSignal;
  /** For `serve`, which takes signals and the exit itself. */
  readonly process: ProcessPort;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const interrupted = new AbortController();
  return {
    env: process.env,
    out: (line) => process.stdout.write(`${line}\n`),
    err: (line) => process.stderr.write(`${line}\n`),
    async input() {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks).toString("utf8");
    },
    get signal() {
      // Only commands that run until they are interrupted take the signal from its default.
      if (process.listenerCount("SIGINT") === 0) {
        process.once("SIGINT", () => interrupted.abort());
      }
      return interrupted.signal;
    },
    process: process as ProcessPort,
  };
}
