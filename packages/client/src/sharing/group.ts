import { isRecord } from "@milepost/protocol";
import { sdkVersion } from "../transport/sdk.ts";
import type { Attempt, TransportName } from "../transport/transport.ts";
import type { Tabs } from "./tabs.ts";

/** Claims that differ between two tokens of the same authority: when they were issued, and for how long. */
const claimsOfTime: ReadonlySet<string> = new Set(["exp", "iat", "nbf", "jti"]);

/**
 * Returns the name of the group of tabs that may share a connection. The tabs of one group use the same gateway
 * address, transport and version of this package, and tokens with the same authority.
 *
 * Two tokens have the same authority if all their claims but those of time are equal, or if they are the same
 * text. So another user, session, tenant or list of grants is another group.
 */
export async function groupOf(
  name: TransportName,
  { url, token }: Pick<Attempt, "url" | "token">,
  digest: Tabs["digest"],
): Promise<string> {
  const authority = token === undefined ? null : authorityOf(token);
  return `milepost:${await digest(JSON.stringify([sdkVersion, name, url.href, authority]))}`;
}

function authorityOf(token: string): unknown {
  const claims = claimsOf(token);
  if (claims === undefined) return token;
  return Object.entries(claims)
    .filter(([claim]) => !claimsOfTime.has(claim))
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Returns the claims of a JSON web token; undefined for a credential of another form. */
function claimsOf(token: string): Record<string, unknown> | undefined {
  const [, payload, signature, ...others] = token.split(".");
  if (payload === undefined || signature === undefined || others.length > 0) return undefined;
  try {
    const bytes = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
    const text = new TextDecoder("utf-8", { fatal: true }).decode(
      Uint8Array.from(bytes, (character) => character.charCodeAt(0)),
    );
    const claims: unknown = JSON.parse(text);
    return isRecord(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}
