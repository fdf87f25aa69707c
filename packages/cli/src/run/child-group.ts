import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import type { Readable } from "node:stream";

/** End of a command: its exit code, or the signal that ended it. */
export interface Ending {
  /** Exit code as a shell reports it: 128 and the number of the signal if one ended the command. */
  readonly exitCode: number;
  /** Signal that ended the command, or undefined. */
  readonly signal: NodeJS.Signals | undefined;
  /** Why the command could not be started, or undefined. */
  readonly startFailure: string | undefined;
}

const pollMs = 50;

/**
 * Ends the group $1 when standard input ends without a line: the parent died without ending the command itself. It
 * runs in a session of its own, so that what ends the parent does not end it too.
 */
const watchdogScript =
  'read -r _ && exit 0; kill -s TERM -- "-$1"; kill -s CONT -- "-$1"; sleep "$2"; kill -s KILL -- "-$1"';

/**
 * A command that runs in a process group of its own, with standard input passed on and the output readable.
 *
 * If this process is killed, a watchdog (a POSIX shell) ends the group: SIGTERM, and SIGKILL after the grace. A process
 * that leaves the group, as daemons do, is beyond the reach of signals and watchdog.
 */
export class ChildGroup {
  readonly #child: ChildProcess;
  readonly #watchdog: ChildProcess | undefined;
  readonly #graceMs: number;
  readonly #ended: Promise<Ending>;
  #isOver = false;

  /** Starts the command. A command that cannot be started ends with 127 (not found) or 126, as in a shell. */
  constructor(command: readonly string[], env: NodeJS.ProcessEnv, graceMs: number) {
    const [file = "", ...args] = command;
    this.#graceMs = graceMs;
    this.#child = spawn(file, args, { env, detached: true, stdio: ["inherit", "pipe", "pipe"] });
    this.#ended = this.#end();
    const { pid } = this.#child;
    if (pid !== undefined) this.#watchdog = watch(pid, graceMs);
  }

  get stdout(): Readable | null {
    return this.#child.stdout;
  }

  get stderr(): Readable | null {
    return this.#child.stderr;
  }

  /** Resolves once the command has ended; there may still be output to read. Never rejects. */
  get ended(): Promise<Ending> {
    return this.#ended;
  }

  /** Sends a signal to all processes of the group. Returns false if there is none. */
  signal(name: NodeJS.Signals | 0): boolean {
    const { pid } = this.#child;
    if (pid === undefined) return false;
    try {
      return process.kill(-pid, name);
    } catch {
      return false;
    }
  }

  /** Ends the group: SIGTERM, also to stopped processes, and SIGKILL to those that are left after the grace. */
  async terminate(): Promise<void> {
    const deadline = performance.now() + this.#graceMs;
    this.signal("SIGTERM");
    this.signal("SIGCONT");
    while (performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, pollMs));
      if (this.#isOver && !this.#hasLiveMembers()) return;
    }
    this.signal("SIGKILL");
  }

  /** Closes the output, which a process that the command left behind may hold open for ever. */
  closeOutput(): void {
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  /**
   * Returns true if a process of the group runs. One that has ended and that its new parent does not collect, as in
   * a container without an init, is none.
   */
  #hasLiveMembers(): boolean {
    if (!this.signal(0)) return false;
    if (process.platform !== "linux") return true;
    for (const name of readdirSync("/proc")) {
      if (!/^[0-9]+$/.test(name)) continue;
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        const [state, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        if (Number(group) === this.#child.pid && state !== "Z" && state !== "X") return true;
      } catch {
        // The process ended while it was looked at.
      }
    }
    return false;
  }

  async #end(): Promise<Ending> {
    const child = this.#child;
    const ending = await new Promise<Ending>((resolve) => {
      child.on("error", (error: NodeJS.ErrnoException) => {
        if (child.pid !== undefined) return;
        const exitCode = error.code === "ENOENT" ? 127 : 126;
        resolve({ exitCode, signal: undefined, startFailure: startFailureOf(error) });
      });
      child.on("exit", (code, signal) => {
        const number = signal === null ? 0 : constants.signals[signal];
        const exitCode = code ?? 128 + number;
        resolve({ exitCode, signal: signal ?? undefined, startFailure: undefined });
      });
    });
    this.#isOver = true;
    this.#watchdog?.stdin?.end("\n");
    return ending;
  }
}

function startFailureOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === "ENOENT") return "command not found";
  if (code === "EACCES") return "permission denied; is the file executable?";
  return message;
}

function watch(group: number, graceMs: number): ChildProcess | undefined {
  if (process.platform === "win32") return undefined;
  const args = ["-c", watchdogScript, "milepost-watchdog", String(group), String(graceMs / 1_000)];
  const watchdog = spawn("/bin/sh", args, {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  // Without a shell the command runs unwatched.
  watchdog.on("error", () => {});
  watchdog.stdin?.on("error", () => {});
  watchdog.unref();
  return watchdog;
}
