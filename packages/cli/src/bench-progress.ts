import type { LoadProgress } from "@milepost/load";
import type { Terminal } from "./terminal.ts";

const barWidth = 24;
const clearLine = "\r\u001b[2K";
/** Time between two lines in a pipe, in milliseconds. */
const lineEveryMs = 5_000;

/** Shows where a run of the load tool is: a bar in a terminal, and a line at times in a pipe. */
export class BenchProgress {
  readonly #terminal: Terminal;
  #phase: LoadProgress["phase"] | undefined;
  #shownAt = Number.NEGATIVE_INFINITY;
  #hasBar = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show(progress: LoadProgress): void {
    if (this.#terminal.columns !== undefined) {
      this.#hasBar = true;
      const line = `${barOf(progress.done)} ${wordsOf(progress)}`;
      // A terminal that does not tell its width has 0 columns.
      this.#pass(`${clearLine}${line.slice(0, (this.#terminal.columns || 80) - 1)}`);
      return;
    }
    const now = performance.now();
    if (progress.phase === this.#phase && now - this.#shownAt < lineEveryMs) return;
    this.#phase = progress.phase;
    this.#shownAt = now;
    this.#terminal.err(wordsOf(progress));
  }

  /** Takes the bar away. */
  end(): void {
    if (this.#hasBar) this.#pass(clearLine);
    this.#hasBar = false;
  }

  #pass(text: string): void {
    void this.#terminal.pass("err", Buffer.from(text));
  }
}

function barOf(done: number): string {
  const full = Math.round(done * barWidth);
  return `[${"#".repeat(full)}${"-".repeat(barWidth - full)}]`;
}

function wordsOf({ phase, done, open, failed, deliveries, p99Us }: LoadProgress): string {
  const parts = [`${phase} ${Math.round(done * 100)} %`, `${open} connected`];
  if (failed > 0) parts.push(`${failed} failed`);
  if (deliveries > 0) parts.push(`${deliveries} deliveries/s`);
  if (p99Us > 0) parts.push(`p99 ${(p99Us / 1_000).toFixed(1)} ms`);
  return parts.join(", ");
}
