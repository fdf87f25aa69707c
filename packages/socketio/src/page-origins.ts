/** Origins of web pages that may use the bridge. */
export interface PageOrigins {
  readonly list: readonly string[];
  /** True for a listed origin, and for a request without an origin, which no page of another site can send. */
  allow(origin: string | undefined): boolean;
}

/**
 * Returns the origins of addresses of pages; only the origin of an address counts. Throws a TypeError for anything that
 * is no address of a page, `*` included, because pages send credentials.
 */
export function originsOf(addresses: string | readonly string[]): PageOrigins {
  const list = (typeof addresses === "string" ? addresses.split(",") : addresses).map((text) =>
    originOf(text.trim()),
  );
  const allowed = new Set(list);
  return { list, allow: (origin) => origin === undefined || allowed.has(origin) };
}

function originOf(text: string): string {
  const origin = URL.canParse(text) ? new URL(text).origin : "null";
  if (origin !== "null") return origin;
  throw new TypeError(
    `${JSON.stringify(text)} is no address of a page; write it like http://localhost:3000, and list each one`,
  );
}
