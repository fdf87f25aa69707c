import { ErrorReply } from "@redis/client";

/** Refusal that no retry changes, such as the name of a master that no Sentinel knows. */
export class RedisRefusal extends Error {}

/** Replies of a server that will take commands later: it is loading its data, full, or changing its role. */
const passing =
  /^(?:LOADING|BUSY|TRYAGAIN|MASTERDOWN|CLUSTERDOWN|READONLY|OOM|MISCONF|NOREPLICAS|NOSCRIPT|MOVED|ASK)\b|max number of clients/;

/**
 * Codes of TLS errors that stay until somebody changes a certificate or an address. Others, such as a connection that
 * the server cut, may be over soon.
 */
const certificateFaults =
  /^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_|ERR_TLS_CERT_|ERR_SSL_|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/;

/**
 * Returns true if Redis has refused this node for a reason that stays until somebody changes the configuration, such
 * as a wrong password. Returns false if Redis is only absent: it does not answer, or does not serve yet.
 */
export function isRefusal(error: unknown): boolean {
  if (error instanceof RedisRefusal) return true;
  if (error instanceof ErrorReply) return !passing.test(error.message);
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.some(isRefusal);
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === "string" && certificateFaults.test(code);
}
