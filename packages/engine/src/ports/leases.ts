/** A claim that ends by itself. */
export interface Lease {
  /** What is held, for instance `operation:9`. */
  readonly name: string;
  /** Proves the claim; unguessable. */
  readonly token: string;
  /** Rises with every new holder, so that an old one can be told. */
  readonly fence: number;
  /** What it was acquired or last renewed for, in milliseconds. */
  readonly ttlMs: number;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Claims with an end (operations, nodes). */
export interface Leases {
  /** Takes the lease for `ttlMs` if nobody holds it, or by force with a higher fence; undefined when held. */
  acquire(
    name: string,
    ttlMs: number,
    options?: { readonly force?: boolean },
  ): Promise<Lease | undefined>;
  /**
   * Prolongs it, by what it was acquired for when `ttlMs` is absent; undefined when the token is not the
   * holder's or the lease was taken over. An expired lease that nobody took can be renewed.
   */
  renew(name: string, token: string, ttlMs?: number): Promise<Lease | undefined>;
  /** The lease as it stands, expired or not; undefined when there is none. Remembered a day past its end. */
  get(name: string): Promise<Lease | undefined>;
  /** Gives it up; false when the token is not the holder's. */
  release(name: string, token: string): Promise<boolean>;
}
