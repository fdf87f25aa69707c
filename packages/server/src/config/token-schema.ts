import { z } from "zod";
import { keySetUrlFault } from "../auth/key-set.ts";
import { maxClockToleranceMs } from "../auth/token-claims.ts";

const text = z.string().min(1).max(512);
const texts = z.union([text, z.array(text).min(1).max(100)]);
const atLeast = (ms: number) => z.int().min(ms).max(34_560_000_000);

const key = z.strictObject({
  kid: text.exactOptional(),
  secret: z.string().exactOptional(),
  secretFile: text.exactOptional(),
  publicKey: z.string().exactOptional(),
  publicKeyFile: text.exactOptional(),
  issuer: text.exactOptional(),
});

const keySet = z.strictObject({
  url: z.string().superRefine((url, context) => {
    const fault = keySetUrlFault(url);
    if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
  }),
  issuer: text.exactOptional(),
  cooldownMs: atLeast(1_000).exactOptional(),
  maxAgeMs: atLeast(1_000).exactOptional(),
  maxStaleMs: atLeast(1_000).exactOptional(),
  timeoutMs: z.int().min(100).max(60_000).exactOptional(),
});

/** Schema of the setting `tokens`. */
export const tokensSchema = z.strictObject({
  keys: z.array(key).max(100).exactOptional(),
  jwks: z.array(keySet).max(10).exactOptional(),
  audience: texts.exactOptional(),
  issuer: texts.exactOptional(),
  types: z.array(text).min(1).max(10).exactOptional(),
  maxLifetimeMs: atLeast(1_000).exactOptional(),
  clockToleranceMs: z.int().min(0).max(maxClockToleranceMs).exactOptional(),
  claims: z
    .strictObject({
      user: text.exactOptional(),
      session: text.exactOptional(),
      channels: text.exactOptional(),
      connections: text.exactOptional(),
    })
    .exactOptional(),
});

/** Value of the setting `tokens`, whose keys may be in files. */
export type TokensSetting = z.infer<typeof tokensSchema>;
