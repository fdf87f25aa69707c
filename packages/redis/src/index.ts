export * from "./connect-redis.ts";
export type { RedisLink } from "./redis-link.ts";
export * from "./redis-ports.ts";
