/** Progress that a program shows in the taskbar of a terminal. */
export interface TerminalProgress {
  /** From 0 to 100. */
  readonly percent: number;
  /** True if a bar was removed before: this one may begin again at 0. */
  readonly isNew: boolean;
}

const opening = Buffer.from("\u001b]9;4;");
/** Longest sequence: the opening, a state, a percentage and the end. */
const longest = 24;
const escapeByte = 0x1b;
/** States 1 (running), 2 (error) and 4 (paused) show a bar, 0 removes it, and 3 shows one without a percentage. */
const removed = "0";
const withoutPercent = "3";

/** Finds the sequences `OSC 9;4;STATE;PERCENT` in output, also where a piece of output ends within one. */
export class TerminalProgressScanner {
  #rest: Buffer = Buffer.alloc(0);
  #isNew = false;

  /** Returns the progress that the output shows last, or undefined if it shows none. */
  scan(bytes: Buffer): TerminalProgress | undefined {
    const whole = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let last: TerminalProgress | undefined;
    let read = 0;
    for (let at = whole.indexOf(opening); at >= 0; at = whole.indexOf(opening, at + 1)) {
      const sequence = whole.toString("latin1", at + opening.length, at + longest);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: a sequence ends with one.
      const match = /^([0-4])(?:;([0-9]{0,3}))?(?:\u0007|\u001b\\)/.exec(sequence);
      if (match === null) continue;
      const [all, state, percent = ""] = match;
      read = at + opening.length + all.length;
      if (state === removed) this.#isNew = true;
      else if (state !== withoutPercent && percent !== "") {
        last = { percent: Math.min(100, Number(percent)), isNew: this.#isNew };
        this.#isNew = false;
      }
    }
    const begun = whole.indexOf(escapeByte, Math.max(read, whole.length - longest));
    this.#rest = begun < 0 ? Buffer.alloc(0) : Buffer.from(whole.subarray(begun));
    return last;
  }
}
