import { z } from "zod";

/** Source in the configuration file: a Redis Stream, or channels of Redis `PUBLISH`. */
export type SourceSetting = StreamSetting | MessageSetting;

/** Channels of Redis in the configuration file whose messages the gateway publishes. */
export interface MessageSetting {
  /** Pattern of the channels, with `*` for any text. */
  readonly subscribe: string;
  /** URL of the Redis to which programs publish; default the setting `redis`. */
  readonly url?: string;
  readonly channel: string;
  readonly event?: string;
  readonly data?: string;
  readonly key?: string;
  readonly maxWaiting?: number;
  readonly maxWaitingBytes?: number;
  readonly retryMs?: number;
  readonly turnMs?: number;
}

/** Redis Stream in the configuration file whose entries the gateway publishes. */
export interface StreamSetting {
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

const pattern = z
  .string()
  .regex(/^[A-Za-z0-9_.~:/{}-]*(\*[A-Za-z0-9_.~:/{}-]+){0,4}\*?$/, {
    error:
      "must be letters, digits, '_', '.', '~', ':', '/', '-' or braces, with up to 5 stars that do not stand side by side",
  })
  .min(1)
  .max(200);

const template = z
  .string()
  .regex(/^([A-Za-z0-9_.~:/-]|\{[A-Za-z0-9_]{1,64}\})+$/, {
    error:
      "must be a name in which {1} is the text of the first star and {name} a field of the message",
  })
  .max(300);

const messages = z.strictObject({
  subscribe: pattern,
  url: redisUrl.exactOptional(),
  channel: template,
  event: template.exactOptional(),
  data: z.string().min(1).max(64).exactOptional(),
  key: template.exactOptional(),
  maxWaiting: z.int().min(1).max(1_000_000).exactOptional(),
  maxWaitingBytes: z.int().min(1_024).max(1_073_741_824).exactOptional(),
  retryMs: z.int().min(0).max(3_600_000).exactOptional(),
  turnMs: z.int().min(1_000).max(600_000).exactOptional(),
});

const streams = z.strictObject({
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
});

/** Schema of a source. The field `subscribe` says which of the two it is, so that a mistake is told of the right one. */
const source = z.unknown().transform((value, context): SourceSetting => {
  const isMessages = typeof value === "object" && value !== null && "subscribe" in value;
  const read = (isMessages ? messages : streams).safeParse(value);
  if (read.success) return read.data;
  for (const { message, path } of read.error.issues) {
    context.issues.push({ code: "custom", message, path, input: value });
  }
  return z.NEVER;
});

export const sourcesSchema = z
  .array(source)
  .refine((sources) => new Set(sources.map(nameOfSource)).size === sources.length, {
    error: "must name different streams and patterns",
  });

/** Returns the stream or the pattern of a source. */
export function nameOfSource(setting: SourceSetting): string {
  return "stream" in setting ? setting.stream : setting.subscribe;
}

/** Returns the mistakes in the sources that depend on other settings. */
export function sourceMistakes(sources: readonly SourceSetting[], redis: string): string[] {
  if (redis !== "") return [];
  return sources
    .filter(({ url }) => url === undefined)
    .map(
      (source) =>
        `sources: ${"stream" in source ? "the stream" : "the pattern"} ${JSON.stringify(nameOfSource(source))} has no Redis to be read from; give the source a url, or set redis for the gateway (--redis, MILEPOST_REDIS_URL)`,
    );
}
