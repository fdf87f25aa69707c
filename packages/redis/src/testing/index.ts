export * from "./redis-cluster.ts";
export * from "./redis-server.ts";
