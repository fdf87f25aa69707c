import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";

/**
 * Shell program of the watchdog. Its input has a line for each process or folder, and another one when that has
 * ended or was removed. When the input ends, its writer has ended, so it ends and removes what is left.
 */
const program = `
trap '' INT TERM HUP
left= gone=
while read -r sign token what; do
  case $sign in
    +) left="$left $token:$what" ;;
    -) gone="$gone $token " ;;
  esac
done
for pass in processes folders again again again; do
  for item in $left; do
    case $gone in *" \${item%%:*} "*) continue ;; esac
    what=\${item#*:}
    case $pass$what in
      processes[0-9]*) kill -9 "$what" ;;
      folders/*|again/*) rm -rf -- "$what" ;;
    esac
  done
  # A browser that loses its pipe still writes to its folder while it ends.
  case $left$pass in */*again) sleep 1 ;; esac
done`;

const ancestorsEveryMs = 500;
const maxAncestors = 8;

let input: Socket | undefined;
let tokens = 0;

/** Ends a child process when this process ends, however it ends: even if it is killed. */
export function endWithThisProcess(child: ChildProcess): void {
  if (child.pid === undefined) return;
  const forget = tell(String(child.pid));
  child.once("exit", forget);
}

/**
 * Removes a folder when this process ends, however it ends. The returned function ends that, once the folder is
 * removed.
 */
export function removeWithThisProcess(folder: string): () => void {
  return tell(folder);
}

/**
 * Kills this process when the process that started it through npm or Node, or one above that, has ended. Signals
 * to those do not reach this process.
 */
export function endWithParents(): void {
  const parents = [...startedBy(process.pid)];
  const timer = setInterval(() => {
    if (!parents.every(isAlive)) process.kill(process.pid, "SIGKILL");
  }, ancestorsEveryMs);
  timer.unref();
}

/** Tells the watchdog of something to end or remove. The returned function tells it that this is done. */
function tell(what: string): () => void {
  const token = ++tokens;
  input ??= startWatchdog();
  input.write(`+ ${token} ${what}\n`);
  return () => input?.write(`- ${token}\n`);
}

/** Starts the watchdog: one for this process. Signals of a terminal do not reach it. */
function startWatchdog(): Socket {
  const watchdog = spawn("sh", ["-c", program], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  watchdog.unref();
  const { stdin } = watchdog;
  stdin.on("error", () => {});
  // This process must be able to end while the pipe is open.
  (stdin as unknown as Socket).unref();
  // A process that a test runner forked outlives a runner that was killed, unless it notices.
  if (process.send !== undefined) {
    process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
  }
  return stdin as unknown as Socket;
}

interface Ancestor {
  readonly pid: number;
  /** Time it was started, which tells it from a later process of the same id. */
  readonly startedAt: string;
}

/** Yields the ancestors of a process as long as they are Node, npm or a shell that runs one command for them. */
function* startedBy(pid: number): Generator<Ancestor, void> {
  let next = parentOf(pid);
  for (let i = 0; i < maxAncestors && next !== undefined && next > 1; i++) {
    const command = read(`/proc/${next}/cmdline`)?.split("\0") ?? [];
    const isOurs = /(?:^|\/)(?:node|npm|npx)(?: |$)/.test(command[0] ?? "");
    if (!isOurs && !(/sh$/.test(command[0] ?? "") && command[1] === "-c")) return;
    const startedAt = startOfProcess(next);
    if (startedAt === undefined) return;
    yield { pid: next, startedAt };
    next = parentOf(next);
  }
}

function isAlive({ pid, startedAt }: Ancestor): boolean {
  return startOfProcess(pid) === startedAt;
}

function parentOf(pid: number): number | undefined {
  const parent = statOf(pid)?.[1];
  return parent === undefined ? undefined : Number(parent);
}

function startOfProcess(pid: number): string | undefined {
  const stat = statOf(pid);
  // A zombie has ended, although nobody has asked for its exit code yet.
  return stat?.[0] === "Z" ? undefined : stat?.[19];
}

/** Returns the fields of a process in /proc that follow its name: state, parent and so on. */
function statOf(pid: number): readonly string[] | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
