export * from "./certificates.ts";
export * from "./lasting-keys.ts";
export * from "./proxy.ts";
export * from "./redis-cluster.ts";
export * from "./redis-server.ts";
export * from "./watchdog.ts";
