import type { ProcessPort } from "@milepost/server";

/** The part of the process that commands use: environment, input, output and signals. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes a line of the command's result to standard output. */
  out(line: string): void;
  /** Writes a line to standard error: errors, warnings and progress of the command. */
  err(line: string): void;
  /** Resolves to the whole of standard input as text. */
  input(): Promise<string>;
  /** Signal that aborts when the user interrupts the command with Ctrl-C (SIGINT). */
  readonly signal: AbortSignal;
  /** The process, for the command `serve`, which handles signals and ends the process itself. */
  readonly process: ProcessPort;
}

/** Returns the terminal of this process. */
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
      // Reading the signal replaces the default action of SIGINT, so only commands that run until interrupted
      // read it.
      if (process.listenerCount("SIGINT") === 0) {
        process.once("SIGINT", () => interrupted.abort());
      }
      return interrupted.signal;
    },
    process: process as ProcessPort,
  };
}
