/** Policy that decides which web pages may use the gateway from a browser. */
export interface OriginPolicy {
  /**
   * Returns true when a request with this `Origin` to this `Host` may pass.
   *
   * A request without an Origin does not come from a web page and is allowed. So is a page of the same host.
   * All other origins must be in the exact list; `"*"` in it allows every page.
   */
  allows(origin: string | undefined, host: string | undefined): boolean;
}

/** Creates a policy from an exact list of origins, each as a browser sends it: `https://app.example.com`. */
export function originPolicy(allowed: readonly string[]): OriginPolicy {
  const exact = new Set(allowed);
  const any = exact.has("*");
  return {
    allows(origin, host) {
      if (origin === undefined || any || exact.has(origin)) return true;
      if (host === undefined || host === "") return false;
      return origin === `http://${host}` || origin === `https://${host}`;
    },
  };
}

/**
 * True when `text` is an origin as browsers send it: scheme, lower-case host, and the port unless it is the
 * default.
 */
export function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { origin } = new URL(text);
  return origin === text && origin !== "null";
}
