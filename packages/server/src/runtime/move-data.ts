import { randomBytes } from "node:crypto";
import { explainChannel, type Rule } from "@milepost/core";
import { isWildcard } from "@milepost/protocol";
import type { RedisTls } from "@milepost/redis";

/** Source, destination and terms of a move. */
export interface MoveOptions {
  /** Folder of the data, which no gateway may use. */
  readonly data: string;
  /** URL of Redis. */
  readonly redis: string;
  readonly redisPrefix: string;
  readonly redisTls?: RedisTls;
  /** Rules of the gateways that will use Redis. */
  readonly rules: readonly Rule[];
  /** Writes over a prefix that has keys. Default false. */
  readonly force?: boolean;
  /** Called with each part that is written, and the number of its items. */
  readonly onPart?: (part: string, items: number) => void;
}

/**
 * Writes everything that a data folder keeps into Redis, so that gateways on Redis go on where the gateway of the folder has
 * ended: readers resume with `recovered: true`. The folder stays as it is.
 *
 * Rejects with `not_possible_now` while a gateway uses the folder, and with `already_exists` when Redis has keys with the
 * prefix. A move that was interrupted is repeated, unless a gateway has used the folder since.
 */
export async function moveData(options: MoveOptions): Promise<void> {
  const { data, redis, redisPrefix, redisTls, rules, force = false, onPart } = options;
  const [{ openPortable }, { connectRedis, importData }] = await Promise.all([
    import("@milepost/sqlite"),
    import("@milepost/redis"),
  ]);
  const portable = openPortable(data);
  try {
    const link = await connectRedis({
      url: redis,
      prefix: redisPrefix,
      ...(redisTls === undefined ? {} : { tls: redisTls }),
      onError: () => {},
    });
    try {
      await importData(link, portable, {
        prefix: redisPrefix,
        force,
        policyOf: (channel) => rollUpOf(rules, channel),
        randomId: (length) => randomBytes(length).toString("base64url").slice(0, length),
        ...(onPart === undefined ? {} : { onPart }),
      });
    } finally {
      await link.close();
    }
  } finally {
    portable.close();
  }
}

/** Returns the roll-up that the rules give a channel. It decides which slot of a cluster has the log. */
function rollUpOf(rules: readonly Rule[], channel: string) {
  if (isWildcard(channel)) return {};
  const { rollUp } = explainChannel(rules, channel);
  if (rollUp === undefined) return {};
  // The name of a roll-up is the prefix and ":*".
  const segments = rollUp.split(":").length - 1;
  return { rollUp: { segments, policy: { maxEntries: 1, maxAgeMs: 1, dedupeMs: 1 } } };
}
