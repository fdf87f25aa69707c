/** Parts of the server that a supervisor of workers needs, without the gateway: importing them loads no code that serves. */
export { ConfigError } from "./config/config-error.ts";
export { type Role, roles } from "./config/role.ts";
export { createLog, type LogLevel, type LogOptions, logLevels } from "./runtime/log.ts";
export { printable, printableJson, printableLines } from "./runtime/printable.ts";
export type { ProcessPort } from "./runtime/serve.ts";
export { type Supervising, superviseWorkers, type WorkersOptions } from "./runtime/workers.ts";
