import { type ProcessPort, printableLines } from "@milepost/server";
import { exitCodes } from "./exit-codes.ts";

/** The part of the process that commands use: environment, input, output and signals. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes a line of the command's result to standard output. */
  out(line: string): void;
  /** Writes a line to standard error: errors, warnings and progress of the command. */
  err(line: string): void;
  /** Resolves to the whole of standard input. */
  input(): Promise<Uint8Array>;
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
      return Buffer.concat(chunks);
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

/**
 * Returns a terminal that never receives a character that it would act on, such as one that moves the cursor or
 * reverses the direction of a line. Commands print texts from outside.
 */
export function safeTerminal(terminal: Terminal): Terminal {
  return {
    env: terminal.env,
    process: terminal.process,
    out: (line) => terminal.out(printableLines(line)),
    err: (line) => terminal.err(printableLines(line)),
    input: () => terminal.input(),
    get signal() {
      return terminal.signal;
    },
  };
}

/**
 * Makes the process end with one line on standard error and exit code 1 when its output cannot be written, for
 * example to a full disk. A reader that closes the pipe early (`milepost tail … | head`) is not an error, and ends the
 * process with 0. What cannot be written to standard error is dropped.
 */
export function watchOutput(host: Pick<NodeJS.Process, "stdout" | "stderr" | "exit">): void {
  host.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") host.exit(exitCodes.ok);
    host.stderr.write(`milepost: cannot write to standard output: ${error.message}\n`, () =>
      host.exit(exitCodes.failure),
    );
  });
  host.stderr.on("error", () => {});
}
