import type { UserPrincipal } from "../rules/principal.ts";

/**
 * Verifies a token. Returns its principal, or a promise of it where it must wait. Throws or rejects with
 * `unauthenticated` or `token_expired`.
 */
export type TokenVerifier = (token: string) => UserPrincipal | Promise<UserPrincipal>;

/** Log of a node, for events and for errors that no caller waits for. */
export interface CoreLog {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}
