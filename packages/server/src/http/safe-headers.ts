/**
 * Headers of every answer of the API. No cache keeps what only one credential may read, and no browser takes an answer
 * for another type than it says.
 */
export const safeHeaders = {
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
} as const;
