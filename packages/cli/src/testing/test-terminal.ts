import { EventEmitter } from "node:events";
import type { ProcessPort } from "@milepost/server";
import { run } from "../program.ts";
import type { Terminal } from "../terminal.ts";

/** Output lines and exit code of a command. */
export interface Outcome {
  readonly code: number;
  readonly out: readonly string[];
  readonly err: readonly string[];
}

/** Terminal in memory, for tests. It records the lines that a command writes. */
export class TestTerminal implements Terminal {
  readonly env: Record<string, string | undefined>;
  readonly outLines: string[] = [];
  readonly errLines: string[] = [];
  readonly interrupt = new AbortController();
  readonly emitter = new EventEmitter();
  readonly process: ProcessPort;
  /** Size of the terminal; undefined for a pipe. */
  columns: number | undefined;
  rows: number | undefined;
  /** Bytes that were passed on as they are. */
  readonly passed = { out: Buffer.alloc(0), err: Buffer.alloc(0) };
  #stdin: string | Uint8Array;
  #waiting: { readonly pattern: RegExp; readonly resolve: (line: string) => void }[] = [];

  constructor(env: Record<string, string | undefined> = {}, stdin: string | Uint8Array = "") {
    // No test leaves data behind, unless it names a folder.
    this.env = { MILEPOST_MEMORY: "true", ...env };
    this.#stdin = stdin;
    this.process = Object.assign(this.emitter, { exit: () => {} });
  }

  get signal(): AbortSignal {
    return this.interrupt.signal;
  }

  out(line: string): void {
    this.outLines.push(line);
    this.#seen(line);
  }

  err(line: string): void {
    this.errLines.push(line);
    this.#seen(line);
  }

  async pass(stream: "out" | "err", bytes: Uint8Array): Promise<boolean> {
    this.passed[stream] = Buffer.concat([this.passed[stream], bytes]);
    return true;
  }

  onSignal(listener: (signal: NodeJS.Signals) => void): () => void {
    this.emitter.on("signal", listener);
    return () => this.emitter.off("signal", listener);
  }

  async input(): Promise<Uint8Array> {
    return Buffer.from(this.#stdin);
  }

  /** Resolves to the first line that matches `pattern`, also if the line is written later. */
  line(pattern: RegExp): Promise<string> {
    const written = [...this.outLines, ...this.errLines].find((line) => pattern.test(line));
    if (written !== undefined) return Promise.resolve(written);
    return new Promise((resolve) => this.#waiting.push({ pattern, resolve }));
  }

  #seen(line: string): void {
    for (const { pattern, resolve } of this.#waiting) if (pattern.test(line)) resolve(line);
  }
}

/** Runs a command line to its end in a test and resolves to its output and exit code. */
export async function runCommand(
  args: readonly string[],
  env: Record<string, string | undefined> = {},
  stdin: string | Uint8Array = "",
): Promise<Outcome> {
  const terminal = new TestTerminal(env, stdin);
  const code = await run(args, terminal);
  return { code, out: terminal.outLines, err: terminal.errLines };
}
