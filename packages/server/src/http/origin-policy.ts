/** Which web pages may use the gateway from a browser. */
export interface OriginPolicy {
  /**
   * Whether a request with this `Origin` to this `Host` may pass.
   *
   * Without an Origin it is no web page: allowed. The page's own host: allowed. Else the exact list
   * decides; `"*"` in it allows every page.
   */
  allows(origin: string | undefined, host: string | undefined): boolean;
}

/** Makes the policy of an exact list of origins, each as a browser sends it: `https://app.example.com`. */
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

/** Whether `text` is an origin the way browsers send it: scheme, host in lower case, port if unusual, nothing else. */
export function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { origin } = new URL(text);
  return origin === text && origin !== "null";
}
