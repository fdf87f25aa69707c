/** Who may do something on the channels of a rule. */
export type Access =
  /** Anyone with a valid credential. */
  | "authenticated"
  /** Only services, and users whose token grants it. */
  | "granted"
  /** The user whose `sub` is what the pattern captured as `user`. */
  | "own-user"
  /** The session whose `sid` is what the pattern captured as `session`. */
  | "own-session"
  /** The user or the session of the operation captured as `operation`. */
  | "operation-owner"
  /** Nobody but the gateway itself. */
  | "nobody";

/** How a channel's log folds into its state. */
export type ProjectionSpec =
  | { readonly name: "latest" }
  | { readonly name: "text" }
  | { readonly name: "operation" }
  /** Keeps the latest data per value of the data's field `by`; at most 100 keys, the oldest go. */
  | { readonly name: "keyed"; readonly by: string };

/**
 * What holds for the channels that match a pattern.
 *
 * Rules are data; the first that matches a name wins. A service may always subscribe and publish, but
 * for `nobody`.
 */
export interface Rule {
  /** Segments joined by `:`; `{name}` captures one segment, a last `*` stands for one or more. */
  readonly pattern: string;
  readonly subscribe: Access;
  readonly publish: Access;
  readonly retention: { readonly maxEntries: number; readonly maxAgeMs: number };
  readonly projection?: ProjectionSpec;
}
