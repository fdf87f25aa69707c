import { describe, expect, it } from "vitest";
import { TestTerminal } from "../testing/test-terminal.ts";
import { Screen } from "./screen.ts";
import { fitted } from "./text-width.ts";

// biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal acts on them.
const sequences = /(\u001b\[[?0-9]*[a-zA-Z]|\r\n)/;

/** Terminal of a test that is one, with what it shows after each sequence that a screen writes. */
class Emulator extends TestTerminal {
  override columns: number | undefined = 20;
  override rows: number | undefined = 6;
  lines: string[] = [];
  isOtherScreen = false;
  hasCursor = true;

  override async pass(_stream: "out" | "err", bytes: Uint8Array): Promise<boolean> {
    let row = 0;
    for (const token of Buffer.from(bytes).toString().split(sequences)) {
      if (token === "\u001b[?1049h") this.isOtherScreen = true;
      else if (token === "\u001b[?1049l") this.isOtherScreen = false;
      else if (token === "\u001b[?25l") this.hasCursor = false;
      else if (token === "\u001b[?25h") this.hasCursor = true;
      else if (token === "\u001b[H") row = 0;
      else if (token === "\u001b[J") this.lines.length = row;
      else if (token === "\r\n") row++;
      else if (token === "\u001b[2K") this.lines[row] = "";
      else if (token !== "") this.lines[row] = token;
    }
    return true;
  }
}

describe("the screen of a live view", () => {
  it("the screen of a live view redraws in place, cuts what is too wide or too long, and follows a new size", () => {
    const terminal = new Emulator();
    const screen = new Screen(terminal);
    screen.show(["one", "a line that is far too long for it", "\u001b[31mred"]);
    expect(terminal.isOtherScreen).toBe(true);
    expect(terminal.hasCursor).toBe(false);
    expect(terminal.lines).toEqual(["one", "a line that is far …", "\ufffd[31mred"]);
    screen.show(Array.from({ length: 9 }, (_, n) => `line ${n}`));
    expect(terminal.lines).toEqual(["line 0", "line 1", "line 2", "line 3", "… 5 more"]);
    terminal.columns = 5;
    terminal.rows = 4;
    terminal.emitter.emit("signal", "SIGWINCH");
    expect(terminal.lines).toEqual(["line…", "line…", "… 7 …"]);
    screen.close();
    expect(terminal).toMatchObject({ isOtherScreen: false, hasCursor: true });
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const)(
    "the screen of a live view gives back the terminal on %s, once",
    (signal) => {
      const terminal = new Emulator();
      const screen = new Screen(terminal);
      screen.show(["one"]);
      terminal.emitter.emit("signal", signal);
      expect(terminal).toMatchObject({ isOtherScreen: false, hasCursor: true });
      expect(screen.ended.aborted).toBe(true);
      screen.show(["two"]);
      expect(terminal.isOtherScreen).toBe(false);
      screen.close();
      expect(terminal.emitter.listenerCount("signal")).toBe(0);
    },
  );

  it("the screen of a live view gives back the terminal for Ctrl-Z, and draws again when the process goes on", () => {
    const terminal = new Emulator();
    let suspended = 0;
    const screen = new Screen(terminal, () => suspended++);
    screen.show(["one"]);
    terminal.emitter.emit("signal", "SIGTSTP");
    expect([suspended, terminal.isOtherScreen, terminal.hasCursor]).toEqual([1, false, true]);
    terminal.emitter.emit("signal", "SIGCONT");
    expect([terminal.isOtherScreen, terminal.hasCursor]).toEqual([true, false]);
    screen.close();
  });

  it("a text is cut at the columns that its characters take, wide and combined ones too", () => {
    expect(fitted("abc", 3)).toBe("abc");
    expect(fitted("abcd", 3)).toBe("ab…");
    expect(fitted("日本語", 6)).toBe("日本語");
    expect(fitted("日本語", 5)).toBe("日本…");
    expect(fitted("日本語", 4)).toBe("日…");
    expect(fitted("e\u0301e\u0301", 2)).toBe("e\u0301e\u0301");
    expect(fitted("👍👍", 3)).toBe("👍…");
  });
});
