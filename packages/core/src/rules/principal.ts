/** Patterns a credential allows beyond what the rules give. */
export interface Grants {
  readonly subscribe: readonly string[];
  readonly publish: readonly string[];
}

/** A person's or program's connect credential, verified. */
export interface UserPrincipal {
  readonly kind: "user";
  /** The token's `sub`. */
  readonly user: string | undefined;
  /** The token's `sid`. */
  readonly session: string | undefined;
  readonly grants: Grants;
  /** When it ends, in milliseconds since 1970; undefined when it does not. */
  readonly expiresAt: number | undefined;
  /** The token's `jti`, by which that one token can be revoked. */
  readonly tokenId?: string;
  /** The token's `iat`, in milliseconds since 1970; without it whatever is revoked of its user or session is revoked of it. */
  readonly issuedAt?: number;
}

/** A backend with an API key; it may everything its key's scopes allow. */
export interface ServicePrincipal {
  readonly kind: "service";
  /** The key's name, never the key. */
  readonly name: string;
}

/** Who is asking. */
export type Principal = UserPrincipal | ServicePrincipal;

const servicePrefix = "service:";

/** Whose dedupe keys a principal's are. */
export function publisherOf(principal: Principal): string {
  if (principal.kind === "service") return `${servicePrefix}${principal.name}`;
  if (principal.user !== undefined) return `user:${principal.user}`;
  return principal.session === undefined ? "anyone" : `session:${principal.session}`;
}

/** The service whose dedupe keys these are; undefined when they are somebody else's. */
export function serviceOf(publisher: string): ServicePrincipal | undefined {
  if (!publisher.startsWith(servicePrefix)) return undefined;
  return { kind: "service", name: publisher.slice(servicePrefix.length) };
}
