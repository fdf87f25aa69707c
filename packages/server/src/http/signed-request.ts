import type { Core } from "@milepost/core";
import { MilepostError, signatureHeader } from "@milepost/protocol";
import { readSignedBytes } from "./body.ts";
import type { HttpContext } from "./endpoint.ts";

const headerName = signatureHeader.toLowerCase();

/**
 * Verifies the signature of a request, after its credential. Throws `bad_signature` if it does not fit, or is missing
 * where the API key requires one. The body is read only for a request with a signature.
 */
export async function requireSignature(
  context: HttpContext,
  core: Pick<Core, "signatures" | "limits">,
): Promise<void> {
  const { incoming } = context.env;
  const principal = context.get("principal");
  const header = incoming.headers[headerName];
  // Almost every request takes this way, so it must cost nothing.
  if (header === undefined && (principal.kind === "user" || principal.signing === undefined))
    return;
  const { method = "", url = "" } = incoming;
  if (header !== undefined && !url.startsWith("/v1/")) {
    throw new MilepostError(
      "bad_signature",
      "a signed request must name its path beginning with /v1/",
    );
  }
  const body =
    header === undefined ? "" : await readSignedBytes(incoming, core.limits.maxMessageBytes);
  await core.signatures.checkRequest(principal, {
    method,
    target: url,
    body,
    header: Array.isArray(header) ? header.join(",") : header,
  });
}
