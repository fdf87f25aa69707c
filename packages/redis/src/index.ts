export * from "./connect-redis.ts";
export * from "./data-import.ts";
export * from "./inspect-redis.ts";
export * from "./message-mapping.ts";
export * from "./message-source.ts";
export * from "./redis-engine.ts";
export type { RedisLink } from "./redis-link.ts";
export type { RedisTls } from "./redis-tls.ts";
export * from "./stream-source.ts";
