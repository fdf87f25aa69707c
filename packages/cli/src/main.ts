import cluster from "node:cluster";
import { run } from "./program.ts";
import { processTerminal } from "./terminal.ts";

// A reader that has seen enough (`milepost tail … | head`) is no fault.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

const code = await run(process.argv.slice(2), processTerminal());
process.exitCode = code;
// A worker's line to its supervisor would keep it alive.
if (cluster.isWorker) process.exit(code);
