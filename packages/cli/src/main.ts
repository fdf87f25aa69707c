import cluster from "node:cluster";
import { run } from "./program.ts";
import { processTerminal } from "./terminal.ts";

// A consumer that closes the pipe early (`milepost tail … | head`) is not an error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

const code = await run(process.argv.slice(2), processTerminal());
process.exitCode = code;
// A worker's IPC channel to its supervisor would keep the process alive.
if (cluster.isWorker) process.exit(code);
