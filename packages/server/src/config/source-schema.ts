import { z } from "zod";

/** Redis Stream in the configuration file whose entries the gateway publishes. */
export interface SourceSetting {
  /** Key of the stream. */
  readonly stream: string;
  /** URL of the Redis that holds the stream; default the setting `redis`. */
  readonly url?: string;
  readonly group?: string;
  readonly consumer?: string;
  readonly from?: "start" | "new";
  readonly ordered?: boolean;
  readonly batch?: number;
  readonly turnMs?: number;
  readonly claimIdleMs?: number;
  readonly remove?: boolean;
}

const name = z.string().regex(/^[A-Za-z0-9_.~:/-]{1,100}$/, {
  error: "must be 1 to 100 letters, digits, '_', '.', '~', ':', '/' or '-'",
});

/** Schema of a stream's key, which may contain one hash tag. */
const stream = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9_.~:/-]*(\{[A-Za-z0-9_.~:/-]+\}[A-Za-z0-9_.~:/-]*)?$/, {
    error:
      "must be letters, digits, '_', '.', '~', ':', '/' or '-', and may have one hash tag in braces",
  })
  .min(1);

/** Schema of a Redis URL. */
export const redisUrl = z.string().regex(/^rediss?(\+(sentinel|cluster))?:\/\/./, {
  error: "must be a URL of redis://, redis+sentinel:// or redis+cluster://, or with rediss for TLS",
});

export const sourcesSchema = z
  .array(
    z.strictObject({
      stream,
      url: redisUrl.exactOptional(),
      group: name.exactOptional(),
      consumer: name.exactOptional(),
      from: z.enum(["start", "new"]).exactOptional(),
      ordered: z.boolean().exactOptional(),
      batch: z.int().min(1).max(10_000).exactOptional(),
      turnMs: z.int().min(1_000).max(600_000).exactOptional(),
      claimIdleMs: z.int().min(1_000).max(86_400_000).exactOptional(),
      remove: z.boolean().exactOptional(),
    }),
  )
  .refine((sources) => new Set(sources.map((source) => source.stream)).size === sources.length, {
    error: "must name different streams",
  }) satisfies z.ZodType<SourceSetting[]>;

/** Returns the mistakes in the sources that depend on other settings. */
export function sourceMistakes(sources: readonly SourceSetting[], redis: string): string[] {
  if (redis !== "") return [];
  return sources
    .filter(({ url }) => url === undefined)
    .map(
      (source) =>
        `sources: the stream ${JSON.stringify(source.stream)} has no Redis to be read from; give the source a url, or set redis for the gateway (--redis, MILEPOST_REDIS_URL)`,
    );
}
