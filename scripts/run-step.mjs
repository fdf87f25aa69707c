import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** True where a process may lead a group, which a signal then ends as a whole. */
const hasGroups = process.platform !== "win32";

/**
 * Runs a Node script and ends this process with its exit code if it fails. Calls `onLine` for each line that the script
 * prints. A signal that ends this process ends the script first, with all that it has started.
 *
 * @param {string} cwd
 * @param {(line: string) => void} onLine
 * @param {string} script
 * @param {string[]} args
 */
export async function runStep(cwd, onLine, script, ...args) {
  const child = spawn(process.execPath, [script, ...args], {
    cwd,
    stdio: ["ignore", "pipe", "inherit"],
    detached: hasGroups,
  });
  /** @type {(signal: NodeJS.Signals) => void} */
  const stop = (signal) => {
    if (child.pid === undefined || !hasGroups) child.kill();
    else process.kill(-child.pid, "SIGTERM");
    process.removeListener(signal, stop);
    process.kill(process.pid, signal);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  const ended = new Promise((resolve) => child.once("close", resolve));
  for await (const line of createInterface({ input: child.stdout })) onLine(line);
  const status = await ended;
  process.removeListener("SIGTERM", stop);
  process.removeListener("SIGINT", stop);
  if (status !== 0) process.exit(typeof status === "number" ? status : 1);
}
