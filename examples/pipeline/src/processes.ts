import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** Ends what is still listed when its input closes, which happens when the example ends in any way. */
const watchdog = `
all=' '
while read -r sign pid; do
  case $sign in
    +) all="$all$pid " ;;
    -) case $all in *" $pid "*) all="\${all%% $pid *} \${all#* $pid }" ;; esac ;;
  esac
done
for pid in $all; do kill -9 "$pid" 2>/dev/null; done`;

const restartMs = 500;

/** Processes of the example. One that ends is started again; all end with the example, even if it is killed. */
export class Processes {
  readonly #running = new Map<string, ChildProcess>();
  readonly #watchdog = spawn("sh", ["-c", watchdog], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  #isClosing = false;

  constructor() {
    this.#watchdog.unref();
    this.#watchdog.stdin.on("error", () => {});
  }

  /** Starts a program; resolves once a line of its output contains `ready`. Rejects if the program is missing. */
  async start(
    name: string,
    command: string,
    args: readonly string[],
    ready: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const child = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child, "spawn");
    this.#running.set(name, child);
    this.#watchdog.stdin.write(`+ ${child.pid}\n`);
    console.log(`${name} ${child.pid}`);
    child.once("exit", () => {
      this.#watchdog.stdin.write(`- ${child.pid}\n`);
      if (this.#isClosing) return;
      setTimeout(() => {
        if (this.#isClosing) return;
        this.start(name, command, args, ready, env).catch((error) => console.error(String(error)));
      }, restartMs);
    });
    for await (const chunk of child.stdout ?? []) if (String(chunk).includes(ready)) break;
    child.stdout?.resume();
  }

  /** Ends all programs in this order: gently at first, and by force after 5 s. */
  async close(names: readonly string[]): Promise<void> {
    this.#isClosing = true;
    for (const name of names) {
      const child = this.#running.get(name);
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      const force = setTimeout(() => child.kill("SIGKILL"), 5_000);
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
      clearTimeout(force);
    }
    this.#watchdog.stdin.end();
  }
}
