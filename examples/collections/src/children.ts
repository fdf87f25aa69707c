import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
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

/** Child processes of the example. They end with it, even if it is killed. */
export class Children {
  readonly #running = new Set<ChildProcess>();
  readonly #watchdog = spawn("sh", ["-c", watchdog], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });

  constructor() {
    this.#watchdog.unref();
    this.#watchdog.stdin.on("error", () => {});
  }

  /** Starts a program, or rejects if it cannot be started. */
  async start(
    command: string,
    args: readonly string[],
    options: SpawnOptions,
  ): Promise<ChildProcess> {
    const child = spawn(command, args, options);
    await once(child, "spawn");
    this.#running.add(child);
    this.#watchdog.stdin.write(`+ ${child.pid}\n`);
    child.once("exit", () => {
      this.#running.delete(child);
      this.#watchdog.stdin.write(`- ${child.pid}\n`);
    });
    return child;
  }

  /** Ends all programs: gently at first, and by force after 3 s. */
  async end(): Promise<void> {
    const running = [...this.#running];
    const force = setTimeout(() => {
      for (const child of running) child.kill("SIGKILL");
    }, 3_000);
    await Promise.all(
      running.map(async (child) => {
        const exited = once(child, "exit");
        child.kill("SIGTERM");
        await exited;
      }),
    );
    clearTimeout(force);
    this.#watchdog.stdin.end();
  }
}
