/** Version of this package, which the client sends to the gateway. */
export const sdkVersion = "0.1.0";

/**
 * Returns the name that the client sends when it connects: `browser/{version}` in a page or worker,
 * `server/{version}` anywhere else.
 */
export function sdkName(): string {
  return `${isBrowser() ? "browser" : "server"}/${sdkVersion}`;
}

/** Returns true in a page or a worker of a browser. */
export function isBrowser(): boolean {
  return "document" in globalThis || "WorkerGlobalScope" in globalThis;
}
