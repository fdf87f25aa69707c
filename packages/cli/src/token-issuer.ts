import { createTokens, loadConfig, type Tokens } from "@milepost/server";
import { CommandFailure, exitCodes } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

/** Returns the issuer of user tokens with the configured secret. `file` is the file of `--config`. */
export function tokenIssuer(terminal: Terminal, file: string | undefined): Tokens {
  const { tokenSecret, tokenOptions } = loadConfig({
    env: terminal.env,
    ...(file !== undefined && { file }),
  });
  const { keys = [], jwks, ...policy } = tokenOptions;
  const secret = tokenSecret === "" ? keys.find((key) => "secret" in key)?.secret : tokenSecret;
  if (secret === undefined) {
    throw new CommandFailure(
      "the configuration has no secret that signs tokens, only public keys; get a token from your issuer",
      exitCodes.config,
    );
  }
  return createTokens(secret, Date, { ...policy, keys });
}
