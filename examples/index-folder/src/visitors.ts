import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { MilepostError } from "@milepost/protocol";
import { createTokens, type Tokens } from "@milepost/server";

/** Somebody who came by, without a name. */
export interface Visitor {
  readonly session: string;
  readonly user: string;
}

/** What a visit is answered with. */
export interface Visit {
  readonly session_id: string;
  readonly user_id: string;
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expires_at: number;
}

const cookieName = "milepost_visit";
const cookieMaxAgeSeconds = 30 * 24 * 3600;
const tokenTtlMs = 10 * 60_000;

/**
 * Tells visitors apart: by a cookie that scripts cannot read and that outlives reloads, and by the short
 * token that it can be exchanged for. Both are signed; nothing is kept here.
 */
export class Visitors {
  readonly #tokens: Tokens;
  readonly #cookieKey: Buffer;

  constructor(tokenSecret: string) {
    this.#tokens = createTokens(tokenSecret, Date);
    // Not the secret itself: a signature of one kind must never pass for one of the other.
    this.#cookieKey = createHmac("sha256", tokenSecret).update("milepost demo cookie").digest();
  }

  /** Continues the visit of the request's cookie, or begins one; with the cookie to set and a fresh token. */
  async visit(request: IncomingMessage): Promise<{ visit: Visit; cookie: string }> {
    const { session, user } = this.#fromCookie(request) ?? newVisitor();
    const expires_at = Date.now() + tokenTtlMs;
    const token = await this.#tokens.mint({ session, user, ttlMs: tokenTtlMs });
    const value = `${session}.${this.#sign(session)}`;
    const cookie = `${cookieName}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${cookieMaxAgeSeconds}`;
    return { visit: { session_id: session, user_id: user, token, expires_at }, cookie };
  }

  /** Who asks: by the token where there is one, else by the cookie. Rejects with `unauthenticated` or `token_expired`. */
  async identify(request: IncomingMessage): Promise<Visitor> {
    const { authorization } = request.headers;
    if (authorization !== undefined) {
      const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? "";
      const { session, user } = await this.#tokens.verify(token);
      if (session !== undefined && user !== undefined) return { session, user };
      throw new MilepostError("unauthenticated", "the token is not one of a visit");
    }
    const visitor = this.#fromCookie(request);
    if (visitor) return visitor;
    throw new MilepostError("unauthenticated", "begin with POST /demo/visit");
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
