import { minSigningSecretBytes, type SigningKey } from "@milepost/protocol";
import { secretFrom } from "./api.ts";
import { CommandFailure, exitCodes } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Returns the key to sign with: `{key id}:{secret}` in MILEPOST_SIGNING_KEY, or in the file that MILEPOST_SIGNING_KEY_FILE
 * names. Throws a {@link CommandFailure} if it is missing or malformed; the message never contains it.
 */
export function signingKeyFrom(terminal: Terminal): SigningKey {
  const text = secretFrom(terminal, "MILEPOST_SIGNING_KEY");
  const [, id, secret] = /^([A-Za-z0-9_.~-]{1,64}):(.+)$/s.exec(text ?? "") ?? [];
  if (id === undefined || secret === undefined) {
    throw new CommandFailure(
      "--sign needs MILEPOST_SIGNING_KEY (or _FILE): the key id and the secret of the API key's signing keys, as in 2026-11:SECRET",
      exitCodes.config,
    );
  }
  if (Buffer.byteLength(secret) < minSigningSecretBytes) {
    throw new CommandFailure(
      `the secret in MILEPOST_SIGNING_KEY must have at least ${minSigningSecretBytes} bytes; copy all of it`,
      exitCodes.config,
    );
  }
  return { id, secret };
}
