export { channels, grant, retention, rules } from "./channels.ts";
export { type KillVerdict, runKills } from "./data/kill-run.ts";
export { type Fault, faults } from "./fault.ts";
export { Journal } from "./journal.ts";
export { Publisher } from "./population/publisher.ts";
export { type Access, Reader } from "./population/reader.ts";
export { readLog } from "./read-log.ts";
export { runRound, type Verdict } from "./round.ts";
export { withStoreHistory } from "./store-history.ts";
