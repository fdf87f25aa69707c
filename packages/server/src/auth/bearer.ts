/** What an `Authorization` header holds. */
export type Bearer =
  | { readonly kind: "none" }
  | { readonly kind: "bearer"; readonly credential: string }
  /** Another scheme, or nothing after it. */
  | { readonly kind: "other" };

const grammar = /^Bearer +([A-Za-z0-9._~+/=-]+) *$/i;

/** Whether text can be sent as a bearer credential at all. */
export function isBearerCredential(text: string): boolean {
  return readBearer(`Bearer ${text}`).kind === "bearer" && text.trim() === text;
}

/** What {@link isBearerCredential} wants, for messages. */
export const bearerRule =
  "must be letters, digits and any of ._~+/=- (a header carries nothing else)";

/** Reads an `Authorization` header. */
export function readBearer(header: string | undefined): Bearer {
  if (header === undefined || header === "") return { kind: "none" };
  const credential = grammar.exec(header)?.[1];
  return credential === undefined ? { kind: "other" } : { kind: "bearer", credential };
}
