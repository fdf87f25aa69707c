import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { MilepostError } from "@milepost/protocol";
import { createTokens, type Tokens } from "@milepost/server";

/** Anonymous visitor of the demo. */
export interface Visitor {
  readonly session: string;
  readonly user: string;
}

/** Answer to a visit. */
export interface Visit {
  readonly session_id: string;
  readonly user_id: string;
  readonly token: string;
  /** Expiry of the token, in milliseconds since 1970. */
  readonly expires_at: number;
}

const cookieName = "milepost_visit";
const cookieMaxAgeSeconds = 30 * 24 * 3600;
const tokenTtlMs = 10 * 60_000;

/**
 * Identifies visitors by a cookie that scripts cannot read and that outlives reloads, and by the short-lived
 * token for which the cookie can be exchanged. Both are signed, so that nothing is stored here.
 */
export class Visitors {
  readonly #tokens: Tokens;
  readonly #cookieKey: Buffer;

  constructor(tokenSecret: string) {
    this.#tokens = createTokens(tokenSecret, Date);
    // The cookie's key is derived from the secret, so that a signature of a token never passes for one of a
    // cookie, or the reverse.
    this.#cookieKey = createHmac("sha256", tokenSecret).update("milepost demo cookie").digest();
  }

  /**
   * Continues the visit of the request's cookie, or begins a new one; resolves with the cookie to set and a
   * fresh token.
   */
  async visit(request: IncomingMessage): Promise<{ visit: Visit; cookie: string }> {
    const { session, user } = this.#fromCookie(request) ?? newVisitor();
    const expires_at = Date.now() + tokenTtlMs;
    const token = await this.#tokens.mint({ session, user, ttlMs: tokenTtlMs });
    const value = `${session}.${this.#sign(session)}`;
    const cookie = `${cookieName}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${cookieMaxAgeSeconds}`;
    return { visit: { session_id: session, user_id: user, token, expires_at }, cookie };
  }

  /**
   * Identifies the visitor by the request's token if there is one, else by its cookie. Rejects with
   * `unauthenticated` or `token_expired`.
   */
  async identify(request: IncomingMessage): Promise<Visitor> {
    const { authorization } = request.headers;
    if (authorization !== undefined) {
      const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? "";
      const { session, user } = await this.#tokens.verify(token);
      if (session !== undefined && user !== undefined) return { session, user };
      throw new MilepostError(
        "unauthenticated",
        "the token does not belong to a visit; call POST /demo/visit for a new one",
      );
    }
    const visitor = this.#fromCookie(request);
    if (visitor) return visitor;
    throw new MilepostError(
      "unauthenticated",
      "the request has no valid visit; call POST /demo/visit first",
    );
  }

  #fromCookie(request: IncomingMessage): Visitor | undefined {
    const cookies = (request.headers.cookie ?? "").split(";").map((each) => each.trim());
    const value = cookies.find((each) => each.startsWith(`${cookieName}=`));
    const [session = "", signature = ""] = (value ?? "").slice(cookieName.length + 1).split(".");
    const given = Buffer.from(signature);
    const right = Buffer.from(this.#sign(session));
    const isOurs = given.length === right.length && timingSafeEqual(given, right);
    return isOurs ? { session, user: userOf(session) } : undefined;
  }

  #sign(session: string): string {
    return createHmac("sha256", this.#cookieKey).update(session).digest("base64url");
  }
}

function newVisitor(): Visitor {
  const session = randomBytes(16).toString("base64url");
  return { session, user: userOf(session) };
}

function userOf(session: string): string {
  return `visitor-${createHash("sha256").update(session).digest("base64url").slice(0, 16)}`;
}
