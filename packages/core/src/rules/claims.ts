import { isRecord } from "@milepost/protocol";

/** Value that a claim can be compared with. */
export type ClaimValue = string | number | boolean;

/** Claims of a token that the rules of a node use, by the name that the rules have for them. */
export type Claims = Readonly<Record<string, ClaimValue | readonly ClaimValue[]>>;

/** Claim with the roles of a user: a text or a list of texts. */
export const rolesClaim = "roles";

const maxTextLength = 1_024;
const maxItems = 100;

/**
 * Returns the claims that `names` names; undefined if the token has none of them. A value that rules cannot
 * compare counts as missing: an object, a text of more than 1,024 characters, a list of more than 100 items.
 *
 * A name is first looked up as it is, because issuers use URLs as names, and then as a path of fields: `a.b`.
 */
export function pickClaims(claims: unknown, names: Iterable<string>): Claims | undefined {
  if (!isRecord(claims)) return undefined;
  let picked: Record<string, ClaimValue | readonly ClaimValue[]> | undefined;
  for (const name of names) {
    const value = comparable(ownField(claims, name) ?? fieldAt(claims, name));
    if (value === undefined) continue;
    picked ??= Object.create(null) as Record<string, ClaimValue | readonly ClaimValue[]>;
    picked[name] = value;
  }
  return picked;
}

/** True if a value can be compared with a claim. */
export function isClaimValue(value: unknown): value is ClaimValue {
  if (typeof value === "string") return value.length <= maxTextLength;
  return typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value));
}

function comparable(value: unknown): ClaimValue | readonly ClaimValue[] | undefined {
  if (isClaimValue(value)) return value;
  if (!Array.isArray(value) || value.length > maxItems) return undefined;
  return value.every(isClaimValue) ? value : undefined;
}

/** Returns a field at a path like `a.b` of nested records; undefined if there is none. */
export function fieldAt(record: Record<string, unknown>, path: string): unknown {
  let at: unknown = record;
  for (const name of path.split(".")) {
    if (!isRecord(at)) return undefined;
    at = ownField(at, name);
  }
  return at;
}

function ownField(record: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
