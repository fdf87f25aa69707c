import { printable } from "@milepost/server";
import type { Terminal } from "../terminal.ts";
import { fitted } from "./text-width.ts";

const csi = "\u001b[";
/** The other screen of the terminal, so that what was there before is there again afterwards; without a cursor. */
const enter = `${csi}?1049h${csi}?25l`;
const leave = `${csi}?25h${csi}?1049l`;
const home = `${csi}H`;
/** Before the text: behind a line of the full width it would take the last character with it. */
const clearLine = `${csi}2K`;
const clearBelow = `${csi}J`;

/** Ends of the process that leave the screen as it was first. */
const endings: ReadonlySet<NodeJS.Signals> = new Set(["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]);

/**
 * View on the whole screen of a terminal, redrawn in place. It draws on the other screen of the terminal, so a new width
 * leaves no pieces behind, and `close` gives back the first one with the cursor, whatever ended the command.
 */
export class Screen {
  readonly #terminal: Terminal;
  readonly #ended = new AbortController();
  readonly #suspend: () => void;
  readonly #stopSignals: () => void;
  #lines: readonly string[] = [];
  #isOpen = false;

  /** `suspend` stops this process for Ctrl-Z. */
  constructor(
    terminal: Terminal,
    suspend: () => void = () => process.kill(process.pid, "SIGSTOP"),
  ) {
    this.#terminal = terminal;
    this.#suspend = suspend;
    this.#stopSignals = terminal.onSignal((signal) => this.#take(signal));
  }

  /** Signal that aborts when a signal has asked the process to end. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** Shows lines in place of those before. What does not fit is cut, and a line says how much is below. */
  show(lines: readonly string[]): void {
    this.#lines = lines;
    this.#draw();
  }

  /** Gives back the terminal. Does nothing the second time. */
  close(): void {
    this.#stopSignals();
    this.#leave();
  }

  #take(signal: NodeJS.Signals): void {
    if (signal === "SIGWINCH") this.#draw();
    else if (signal === "SIGTSTP") {
      this.#leave();
      this.#suspend();
    } else if (signal === "SIGCONT") this.#draw();
    else if (endings.has(signal)) {
      this.#leave();
      this.#ended.abort();
    }
  }

  #draw(): void {
    const { columns = 80, rows = 24 } = this.#terminal;
    if (this.#ended.signal.aborted) return;
    const start = this.#isOpen ? "" : enter;
    this.#isOpen = true;
    const all = this.#lines.map((line) => fitted(printable(line), columns));
    const room = Math.max(1, rows - 1);
    const shown =
      all.length <= room
        ? all
        : [...all.slice(0, room - 1), fitted(`… ${all.length - room + 1} more`, columns)];
    const text = shown.map((line) => `${clearLine}${line}\r\n`).join("");
    this.#pass(`${start}${home}${text}${clearBelow}`);
  }

  #leave(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#pass(leave);
  }

  #pass(text: string): void {
    void this.#terminal.pass("out", Buffer.from(text)).then((mayContinue) => {
      if (!mayContinue) this.#ended.abort();
    });
  }
}
