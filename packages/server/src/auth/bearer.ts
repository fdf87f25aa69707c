/** Content of an `Authorization` header. */
export type Bearer =
  | { readonly kind: "none" }
  | { readonly kind: "bearer"; readonly credential: string }
  /** A scheme other than Bearer, or a missing or malformed credential. */
  | { readonly kind: "other" };

const grammar = /^Bearer +([A-Za-z0-9._~+/=-]+) *$/i;

/** True if the text can be sent as a bearer credential. */
export function isBearerCredential(text: unknown): text is string {
  return (
    typeof text === "string" &&
    readBearer(`Bearer ${text}`).kind === "bearer" &&
    text.trim() === text
  );
}

/** Requirement that {@link isBearerCredential} checks, worded for error messages. */
export const bearerRule =
  "must be letters, digits and any of ._~+/=- (a header carries nothing else)";

/** Parses an `Authorization` header. */
export function readBearer(header: string | undefined): Bearer {
  if (header === undefined || header === "") return { kind: "none" };
  const credential = grammar.exec(header)?.[1];
  return credential === undefined ? { kind: "other" } : { kind: "bearer", credential };
}
