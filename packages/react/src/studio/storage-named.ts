/** Returns a storage of the page; undefined where the browser forbids it, which then throws. */
export function storageNamed(name: "localStorage" | "sessionStorage"): Storage | undefined {
  try {
    return globalThis[name];
  } catch {
    return undefined;
  }
}
