/** Claim on a name that expires unless it is renewed. */
export interface Lease {
  /** Name that is claimed, for instance `operation:9`. */
  readonly name: string;
  /** Unguessable secret that proves the claim. */
  readonly token: string;
  /** Number that rises with every new holder, so that an earlier holder can be detected. */
  readonly fence: number;
  /** Duration that the lease was acquired or last renewed for, in milliseconds. */
  readonly ttlMs: number;
  /** End of the lease, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** Time at which the holder acquired it, in milliseconds since 1970. */
  readonly since: number;
  /** Name of the holder, for people; absent if it gave none. */
  readonly holder?: string;
}

/** Options of {@link Leases.acquire}. */
export interface AcquireOptions {
  /** Takes the lease over from its holder. */
  readonly force?: boolean;
  /** Name of the new holder, for people; at most 255 characters. */
  readonly holder?: string;
}

/**
 * Leases on names, which expire unless they are renewed; used for operations and for the sweep of the cluster.
 */
export interface Leases {
  /**
   * Acquires the lease for `ttlMs` milliseconds if nobody holds it; undefined when somebody does. With `force`
   * it is taken over from its holder, with a higher fence.
   */
  acquire(name: string, ttlMs: number, options?: AcquireOptions): Promise<Lease | undefined>;
  /**
   * Renews the lease for `ttlMs` milliseconds, by default for the duration it had before. Undefined when the
   * token is not the holder's or the lease was taken over. An expired lease that nobody took can be renewed.
   */
  renew(name: string, token: string, ttlMs?: number): Promise<Lease | undefined>;
  /**
   * Returns the lease, expired or not; undefined when there is none. A lease is remembered for a day after its
   * end.
   */
  get(name: string): Promise<Lease | undefined>;
  /** Releases the lease; false when the token is not the holder's. */
  release(name: string, token: string): Promise<boolean>;
}
