import { methodNameFault } from "@milepost/core";
import { messageBounds } from "@milepost/protocol";
import { z } from "zod";
import type { BackendOptions } from "../backends/backend.ts";
import { minBackendSecretBytes } from "../backends/signature.ts";

/** Backend in the configuration file. Its secret is inline, in a file, or the shared `methodSecret`. */
export interface BackendSetting extends Omit<BackendOptions, "secret"> {
  readonly secret?: string;
  readonly secretFile?: string;
}

/** Schema of a secret that signs requests to a backend. */
export const backendSecret = z
  .string()
  .refine((secret) => Buffer.byteLength(secret) >= minBackendSecretBytes, {
    error: `must have at least ${minBackendSecretBytes} bytes`,
  });

const countable = z.int().min(1);

const address = z.string().refine(
  (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    return /^https?:$/.test(url?.protocol ?? "") && url?.username === "" && url.password === "";
  },
  { error: "must be an http: or https: address without credentials" },
);

const backendShape = {
  url: address,
  secret: backendSecret.exactOptional(),
  secretFile: z.string().min(1).exactOptional(),
  timeoutMs: countable.max(messageBounds.timeoutMs).exactOptional(),
  maxConcurrent: countable.exactOptional(),
  maxAnswerBytes: countable.exactOptional(),
  breaker: z
    .strictObject({
      failuresInRow: countable.exactOptional(),
      failureShare: z.number().gt(0).max(1).exactOptional(),
      minCalls: countable.exactOptional(),
      windowMs: countable.exactOptional(),
      openMs: countable.exactOptional(),
      maxOpenMs: countable.exactOptional(),
    })
    .exactOptional(),
};

const backendSchema: z.ZodType<BackendSetting> = z.strictObject(backendShape);

/** Sessions in the configuration file. */
export interface SessionsSetting {
  /** True to refuse tokens of sessions that are neither registered nor validated. */
  readonly required: boolean;
  /** True if a session may have a secret that opens its feed by itself. */
  readonly credentials?: boolean;
  /** Backend that is asked for sessions that are not registered. */
  readonly callback?: BackendSetting & { readonly cacheMs?: number };
}

/** Schema of the sessions. */
export const sessionsSchema: z.ZodType<SessionsSetting> = z
  .strictObject({
    required: z.boolean(),
    credentials: z.boolean().exactOptional(),
    callback: z
      .strictObject({ ...backendShape, cacheMs: z.int().min(0).max(60_000).exactOptional() })
      .exactOptional(),
  })
  .refine(
    ({ required, credentials = false, callback }) =>
      required || (!credentials && callback === undefined),
    { error: "must have required: true with credentials or a callback" },
  );

/** Schema of the backends, keyed by the method or method pattern they answer. */
export const backendsSchema: z.ZodType<Readonly<Record<string, BackendSetting>>> = z
  .record(z.string(), backendSchema)
  .superRefine((backends, context) => {
    for (const name of Object.keys(backends)) {
      const message = methodNameFault(name);
      if (message !== undefined) context.addIssue({ code: "custom", message, path: [name] });
    }
  });
