export * from "./backup.ts";
export * from "./portable-file.ts";
export * from "./sqlite-engine.ts";
export type { Durability } from "./sqlite-store.ts";
