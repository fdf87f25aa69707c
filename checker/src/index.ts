export { Checker, check } from "./check.ts";
export type * from "./records.ts";
export type { Violation } from "./violation.ts";
