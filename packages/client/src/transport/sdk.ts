/** The version of this package, as the service counts it. */
export const sdkVersion = "0.1.0";

/** What the client says it is when it connects: in a page or its workers `browser`, anywhere else `server`. */
export function sdkName(): string {
  const isBrowser = "document" in globalThis || "WorkerGlobalScope" in globalThis;
  return `${isBrowser ? "browser" : "server"}/${sdkVersion}`;
}
