/** What an `Authorization` header holds. */
export type Bearer =
  | { readonly kind: "none" }
  | { readonly kind: "bearer"; readonly credential: string }
  /** Another scheme, or nothing after it. */
  | { readonly kind: "other" };

const grammar = /^Bearer +([A-Za-z0-9._~+/=-]+) *$/i;

/** Reads an `Authorization` header. */
export function readBearer(header: string | undefined): Bearer {
  if (header === undefined || header === "") return { kind: "none" };
  const credential = grammar.exec(header)?.[1];
  return credential === undefined ? { kind: "other" } : { kind: "bearer", credential };
}
