import type { CoreLog } from "@milepost/core";
import type { Source } from "@milepost/engine";
import type { SourceSetting } from "../config/source-schema.ts";
import { RecurringErrors } from "./recurring-errors.ts";
import { systemClock } from "./system-clock.ts";

/** What says which queues are read. */
export interface SourcesSettings {
  readonly sources: readonly SourceSetting[];
  /** The URL of the Redis that has the streams which name none. */
  readonly redis: string;
  readonly redisPrefix: string;
}

/** Makes the sources that the settings name; without any, nothing of Redis is loaded. They connect once they are started. */
export async function openSources(
  { sources, redis, redisPrefix }: SourcesSettings,
  log: CoreLog,
): Promise<readonly Source[]> {
  if (sources.length === 0) return [];
  const { redisStreamSource } = await import("@milepost/redis");
  return sources.map((setting) =>
    redisStreamSource({
      url: redis,
      prefix: redisPrefix,
      ...setting,
      onError: new RecurringErrors(systemClock, (fault) =>
        log.warn({ stream: setting.stream, ...fault }, "a source cannot go on; it tries again"),
      ).report,
    }),
  );
}
