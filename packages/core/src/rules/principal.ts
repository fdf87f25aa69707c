/** Channel patterns that a credential allows in addition to the rules. */
export interface Grants {
  readonly subscribe: readonly string[];
  readonly publish: readonly string[];
}

/** Principal with a verified connect credential: a person, or a program that is not a service. */
export interface UserPrincipal {
  readonly kind: "user";
  /** The token's `sub`. */
  readonly user: string | undefined;
  /** The token's `sid`. */
  readonly session: string | undefined;
  readonly grants: Grants;
  /** Expiry in milliseconds since 1970; undefined when the credential does not expire. */
  readonly expiresAt: number | undefined;
  /** The token's `jti`, by which that one token can be revoked. */
  readonly tokenId?: string;
  /**
   * The token's `iat`, in milliseconds since 1970. Without it, every revocation of the token's user or session
   * applies to the token.
   */
  readonly issuedAt?: number;
}

/**
 * Backend with an API key. It may do everything that its key's scopes allow, except on channels whose rule says
 * `nobody`.
 */
export interface ServicePrincipal {
  readonly kind: "service";
  /** Name of the key, never the key itself. */
  readonly name: string;
}

/** Principal that makes a request. */
export type Principal = UserPrincipal | ServicePrincipal;

const servicePrefix = "service:";

/** Returns the name that identifies a principal as a publisher. Dedupe keys are stored per publisher. */
export function publisherOf(principal: Principal): string {
  if (principal.kind === "service") return `${servicePrefix}${principal.name}`;
  if (principal.user !== undefined) return `user:${principal.user}`;
  return principal.session === undefined ? "anyone" : `session:${principal.session}`;
}

/** Returns the service with this publisher name; undefined when the publisher is not a service. */
export function serviceOf(publisher: string): ServicePrincipal | undefined {
  if (!publisher.startsWith(servicePrefix)) return undefined;
  return { kind: "service", name: publisher.slice(servicePrefix.length) };
}
