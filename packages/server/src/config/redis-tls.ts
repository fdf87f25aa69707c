import type { RedisTls } from "@milepost/redis";
import type { ReadFile } from "./environment.ts";
import type { Settings } from "./settings.ts";

type TlsSettings = Pick<Settings, "redis" | "sources" | "redisCa" | "redisCert" | "redisKey">;

/**
 * Reads the certificates of connections to Redis from the files that the settings name; undefined when they name none.
 * Adds what is wrong to `mistakes`.
 */
export function readRedisTls(
  { redis, sources, redisCa, redisCert, redisKey }: TlsSettings,
  readFile: ReadFile,
  mistakes: string[],
): RedisTls | undefined {
  if (redisCa === "" && redisCert === "" && redisKey === "") return undefined;
  if (![redis, ...sources.map(({ url = "" }) => url)].some((url) => url.startsWith("rediss"))) {
    mistakes.push(
      "redisCa, redisCert and redisKey are for TLS; write the URL of Redis with rediss",
    );
  }
  if ((redisCert === "") !== (redisKey === "")) {
    mistakes.push("redisCert and redisKey belong together; set both or neither");
  }
  const read = (name: "ca" | "cert" | "key", setting: string, path: string): RedisTls => {
    if (path === "") return {};
    try {
      const text = readFile(path);
      if (text.includes("-----BEGIN ")) return { [name]: text };
      mistakes.push(`${setting}: the file ${path} has no PEM block; give the file in PEM format`);
    } catch {
      mistakes.push(`${setting}: the file ${path} cannot be read; check its path and permissions`);
    }
    return {};
  };
  return {
    ...read("ca", "redisCa", redisCa),
    ...read("cert", "redisCert", redisCert),
    ...read("key", "redisKey", redisKey),
  };
}
