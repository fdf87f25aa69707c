import { createHmac, timingSafeEqual } from "node:crypto";
import { MilepostError } from "@milepost/protocol";
import type { TokenVerifier } from "@milepost/server";

/** Issues and verifies the tokens of the example: HS256, with a secret of any length. */
export interface DashboardTokens {
  readonly verify: TokenVerifier;
  /** Issues a token of a user and a session that is valid for twelve hours. */
  mint(user: string, session: string): string;
}

const lifetimeS = 12 * 3_600;
const header = base64({ alg: "HS256", typ: "JWT" });
const refused = () => new MilepostError("unauthenticated", "the token is not valid");

/**
 * Creates the tokens of a secret.
 *
 * The gateway's own verifier refuses secrets of less than 32 bytes. This one takes the secret that a Python service has.
 */
export function dashboardTokens(secret: string, now: () => number = Date.now): DashboardTokens {
  const sign = (text: string) => createHmac("sha256", secret).update(text).digest("base64url");
  return {
    mint(user, session) {
      const at = Math.floor(now() / 1_000);
      const text = `${header}.${base64({ sub: user, sid: session, iat: at, exp: at + lifetimeS })}`;
      return `${text}.${sign(text)}`;
    },
    async verify(token) {
      const [head = "", body = "", signature = "", ...rest] = token.split(".");
      const expected = Buffer.from(sign(`${head}.${body}`));
      const got = Buffer.from(signature);
      const isSigned = got.length === expected.length && timingSafeEqual(got, expected);
      if (!isSigned || rest.length > 0 || parsed(head).alg !== "HS256") throw refused();
      const { sub, sid, exp, iat } = parsed(body);
      if (sub !== undefined && typeof sub !== "string") throw refused();
      if (sid !== undefined && typeof sid !== "string") throw refused();
      if (typeof exp !== "number") throw refused();
      if (exp * 1_000 <= now()) throw new MilepostError("token_expired", "the token has expired");
      return {
        kind: "user",
        user: sub,
        session: sid,
        grants: { subscribe: ["dashboard:*"], publish: [] },
        expiresAt: exp * 1_000,
        ...(typeof iat === "number" && { issuedAt: iat * 1_000 }),
      };
    },
  };
}

function base64(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function parsed(part: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Refused below.
  }
  throw refused();
}
