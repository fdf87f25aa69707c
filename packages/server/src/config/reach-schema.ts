import { minSigningSecretBytes } from "@milepost/protocol";
import { z } from "zod";
import { isAddressRange } from "../admission/address-list.ts";
import type { PushOptions } from "../reach/target-sender.ts";

/** Addresses outside that may be called, in the configuration. */
export interface EgressSetting {
  readonly allow?: readonly string[];
  /** PEM file of further authorities that may sign the certificates of targets. */
  readonly caFile?: string;
}

/** Schema of a secret from which the secrets of webhooks follow. */
export const webhookSecretSchema: z.ZodType<string> = z
  .string()
  .refine((secret) => Buffer.byteLength(secret) >= minSigningSecretBytes, {
    error: `must have at least ${minSigningSecretBytes} bytes`,
  });

/** Schema of the VAPID keys of web push. */
export const pushSchema: z.ZodType<PushOptions | undefined> = z
  .strictObject({
    publicKey: base64urlOf(65, "the public key"),
    privateKey: base64urlOf(32, "the private key"),
    subject: z.string().refine(isContact, {
      error: "must be a mailto: or https: address at which push services reach you",
    }),
  })
  .optional();

/** Schema of the addresses outside that may be called. */
export const egressSchema: z.ZodType<EgressSetting> = z.strictObject({
  allow: z
    .array(
      z.string().refine((entry) => isAddressRange(entry) || isHostName(entry), {
        error:
          "must be a host in lower case, an IP address, a range such as 10.0.0.0/8, or one of the names loopback and private",
      }),
    )
    .max(100)
    .exactOptional(),
  caFile: z.string().min(1).exactOptional(),
});

function base64urlOf(bytes: number, what: string) {
  return z
    .string()
    .refine(
      (text) =>
        /^[A-Za-z0-9_-]+$/.test(text) && Buffer.from(text, "base64url").byteLength === bytes,
      {
        error: `must be ${what}: ${bytes} bytes in base64url, as npx web-push generate-vapid-keys prints them`,
      },
    );
}

function isContact(text: string): boolean {
  return /^mailto:[^\s@]+@[^\s@]+$/.test(text) || (/^https:/.test(text) && URL.canParse(text));
}

function isHostName(text: string): boolean {
  return /^(?=.{1,253}$)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*$/.test(text);
}
