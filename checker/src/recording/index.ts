export * from "./claim.ts";
export * from "./hash.ts";
export * from "./recorder.ts";
export * from "./submission.ts";
