export { type Fault, faults } from "./fault.ts";
export { runRound, type Verdict } from "./round.ts";
