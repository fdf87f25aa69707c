import cluster from "node:cluster";
import { run } from "./program.ts";
import { processTerminal, watchOutput } from "./terminal.ts";

watchOutput(process);

const code = await run(process.argv.slice(2), processTerminal());
process.exitCode = code;
// A worker's IPC channel to its supervisor would keep the process alive.
if (cluster.isWorker) process.exit(code);
