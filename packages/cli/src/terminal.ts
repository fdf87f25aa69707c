import { type ProcessPort, printableLines } from "@milepost/server/supervisor";
import { exitCodes } from "./exit-codes.ts";

/** The part of the process that commands use: environment, input, output and signals. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes a line of the command's result to standard output. */
  out(line: string): void;
  /** Writes a line to standard error: errors, warnings and progress of the command. */
  err(line: string): void;
  /**
   * Writes bytes as they are, with everything that a terminal acts on: the output of another program, or a view that
   * moves the cursor. Resolves to true when more may be written, and to false if nobody reads any more.
   */
  pass(stream: "out" | "err", bytes: Uint8Array): Promise<boolean>;
  /** Width of the terminal in characters; undefined if standard output is no terminal. */
  readonly columns: number | undefined;
  /** Height of the terminal in lines; undefined if standard output is no terminal. */
  readonly rows: number | undefined;
  /** Calls `listener` for each signal that is passed on to another program, until the returned function is called. */
  onSignal(listener: (signal: NodeJS.Signals) => void): () => void;
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
    pass: (stream, bytes) => pass(stream === "out" ? process.stdout : process.stderr, bytes),
    get columns() {
      return process.stdout.isTTY ? process.stdout.columns : undefined;
    },
    get rows() {
      return process.stdout.isTTY ? process.stdout.rows : undefined;
    },
    onSignal(listener) {
      for (const signal of passedSignals) process.on(signal, listener);
      return () => {
        for (const signal of passedSignals) process.off(signal, listener);
      };
    },
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

/** Signals that a program may get from a terminal or a supervisor. */
const passedSignals = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGWINCH",
  "SIGTSTP",
  "SIGCONT",
] as const satisfies readonly NodeJS.Signals[];

/**
 * True once this process passes on the output of another program, which itself decides what a closed pipe means
 * to it.
 */
let passesOutput = false;

function pass(stream: NodeJS.WriteStream, bytes: Uint8Array): Promise<boolean> {
  passesOutput = true;
  if (!stream.writable) return Promise.resolve(false);
  return new Promise((resolve) => {
    // The stream calls back when the bytes are written, or cannot be.
    stream.write(bytes, (error) => resolve(error === null || error === undefined));
  });
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
    pass: (stream, bytes) => terminal.pass(stream, bytes),
    get columns() {
      return terminal.columns;
    },
    get rows() {
      return terminal.rows;
    },
    onSignal: (listener) => terminal.onSignal(listener),
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
    if (passesOutput) return;
    if (error.code === "EPIPE") host.exit(exitCodes.ok);
    host.stderr.write(`milepost: cannot write to standard output: ${error.message}\n`, () =>
      host.exit(exitCodes.failure),
    );
  });
  host.stderr.on("error", () => {});
}
