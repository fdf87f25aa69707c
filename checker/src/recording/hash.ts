import { createHash } from "node:crypto";

/** Length in characters above which the platform's hash is cheaper. */
const longText = 300;

/** Returns a short hash of a JSON text, to compare data for equality. */
export function hashOf(json: string): string {
  if (json.length > longText) return createHash("sha1").update(json).digest("base64url");
  let a = 0x811c9dc5;
  let b = 0x1b873593;
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x85ebca6b) + i;
  }
  return (a >>> 0).toString(36) + (b >>> 0).toString(36);
}
