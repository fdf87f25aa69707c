import type { UserPrincipal } from "../rules/principal.ts";

/** Verifies a token. Resolves to its principal, or rejects with `unauthenticated` or `token_expired`. */
export type TokenVerifier = (token: string) => Promise<UserPrincipal>;

/** Log of a node, for events and for errors that no caller waits for. */
export interface CoreLog {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}
