import type { CoreLog } from "@milepost/core";
import type { Source } from "@milepost/engine";
import type { RedisTls } from "@milepost/redis";
import { nameOfSource, type SourceSetting } from "../config/source-schema.ts";
import { RecurringErrors } from "./recurring-errors.ts";
import { systemClock } from "./system-clock.ts";

/** Settings that select the Redis Streams to read. */
export interface SourcesSettings {
  readonly sources: readonly SourceSetting[];
  /** URL of the Redis for streams that have no `url` of their own. */
  readonly redis: string;
  readonly redisPrefix: string;
  /** Certificates of connections over TLS. */
  readonly redisTls?: RedisTls;
}

/**
 * Creates the configured sources; without any, no Redis code is loaded. A source connects once it is started.
 */
export async function openSources(
  { sources, redis, redisPrefix, redisTls }: SourcesSettings,
  log: CoreLog,
): Promise<readonly Source[]> {
  if (sources.length === 0) return [];
  const { redisMessageSource, redisStreamSource } = await import("@milepost/redis");
  return sources.map((setting) => {
    const common = {
      url: redis,
      prefix: redisPrefix,
      ...(redisTls !== undefined && isSecure(setting.url ?? redis) && { tls: redisTls }),
      onError: new RecurringErrors(systemClock, (fault) =>
        log.warn(
          { event: "source.failed", stream: nameOfSource(setting), ...fault },
          "a source failed and tries again",
        ),
      ).report,
    };
    return "stream" in setting
      ? redisStreamSource({ ...common, ...setting })
      : redisMessageSource({ ...common, ...setting });
  });
}

function isSecure(url: string): boolean {
  return url.startsWith("rediss");
}
