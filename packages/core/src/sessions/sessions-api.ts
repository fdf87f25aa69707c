import type { Principal, UserPrincipal } from "../rules/principal.ts";

/** Registration of a session by the backend. */
export interface RegisterSession {
  /** User to whom the session belongs. Tokens of another user are then refused with this session. */
  readonly user?: string;
  /** Time until the session ends unless it is registered again, in milliseconds: 1,000 to 34,560,000,000. */
  readonly ttlMs: number;
  /** True to make a secret that opens the session's feed by itself. */
  readonly credential?: boolean;
}

/** A registered session, as services see it. */
export interface SessionView {
  /** Public id of the session, in lists, summaries and presence. */
  readonly session_id: string;
  readonly user_id?: string;
  /** Time at which the session ends, in milliseconds since 1970. */
  readonly expires_at: number;
  /** True if the session has a secret of its own. */
  readonly has_credential: boolean;
}

/** Result of a registration. */
export interface RegisteredSession extends SessionView {
  /**
   * Secret that opens `/ws/progress/{credential}`. It is returned once, by the registration that made it, and is
   * stored only as a hash.
   */
  readonly credential?: string;
}

/** Methods for sessions. Only services may call them. */
export interface Sessions {
  /**
   * Registers a session, or extends it. Without an id the gateway makes one. Rejects with `already_exists` if the
   * session belongs to another user, and with `not_supported` where the deployment registers no sessions.
   */
  register(
    principal: Principal,
    id: string | undefined,
    input: RegisterSession,
  ): Promise<RegisteredSession>;
  /** Returns a session; rejects with `not_found` if it is not registered or has ended. */
  get(principal: Principal, id: string): Promise<SessionView>;
  /**
   * Ends a session, registered or not: revokes its tokens that were issued up to now, for a day. Every node closes
   * its connections within 5 s.
   */
  end(principal: Principal, id: string): Promise<void>;
}

/** Answer of a backend that was asked for a session. */
export interface ValidatedSession {
  /** User to whom the session belongs; any user if absent. */
  readonly user?: string;
  /** Time at which the session must be validated again, in milliseconds since 1970. */
  readonly endsAt: number;
}

/**
 * Asks the backend whether a session is valid. Resolves with undefined if it is not; rejects with a retryable error
 * if the backend cannot tell now.
 */
export type SessionValidator = (
  session: string,
  user: string | undefined,
) => Promise<ValidatedSession | undefined>;

/** Settings of sessions that must be registered or validated. */
export interface SessionOptions {
  /** True if a session may have a secret that opens its feed. Default false. */
  readonly credentials?: boolean;
  /** Returns a hash of a secret from which nobody can find the secret. */
  readonly digest: (secret: string) => string;
  /** Asked for sessions that are not registered; without it they are refused. */
  readonly validate?: SessionValidator;
}

/** Check of sessions, as connections use it. */
export interface SessionCheck {
  /**
   * Resolves with the principal and the end of its session. Rejects with `unauthenticated` if the session is not
   * valid or belongs to another user. A principal without a session is returned at once and unchanged, as is every
   * one where sessions need not be registered.
   */
  check(principal: UserPrincipal): UserPrincipal | Promise<UserPrincipal>;
  /**
   * Resolves with the principal of a session's own credential, which may read the feed of that session and nothing
   * else. Rejects with `unauthenticated` for any other text.
   */
  open(credential: string): Promise<UserPrincipal>;
}
