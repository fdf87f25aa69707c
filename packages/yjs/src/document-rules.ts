import type { Access, Rule } from "@milepost/core";

const day = 86_400_000;

/** Options of {@link documentRules}. */
export interface DocumentRulesOptions {
  /** Access to reading documents and to seeing who has them open; default `granted`, those whose token grants it. */
  readonly subscribe?: Access;
  /** Access to editing documents; default `granted`. */
  readonly publish?: Access;
  /** Name of the compactor in the option `compactors` of the gateway; default `yjs`. */
  readonly compact?: string;
  /** Bytes of one document, as its snapshot and the updates since take them in base64; default 32 MiB. */
  readonly maxBytes?: number;
  /** Time after which a document that nobody uses is forgotten, in milliseconds; default 365 days. */
  readonly maxAgeMs?: number;
}

/** Returns the rules of `document:{document}` and `awareness:{document}`, for the option `rules` of a gateway. */
export function documentRules({
  subscribe = "granted",
  publish = "granted",
  compact = "yjs",
  maxBytes = 32 * 1_048_576,
  maxAgeMs = 365 * day,
}: DocumentRulesOptions = {}): readonly Rule[] {
  return [
    {
      pattern: "document:{document}",
      subscribe,
      publish,
      retention: { maxEntries: 10_000, maxBytes, maxAgeMs },
      compact,
    },
    {
      pattern: "awareness:{document}",
      subscribe,
      // Whoever may read a document may show where they read.
      publish: subscribe,
      retention: { maxEntries: 200, maxBytes: 1_048_576, maxAgeMs: 60_000 },
      presence: "members",
      showPublisher: true,
      merge: { awareness: { class: "state", by: "page" } },
      priority: "low",
      outage: "local",
    },
  ];
}
