/** Certificates of connections to Redis over TLS, each as PEM text. */
export interface RedisTls {
  /** Certificates of the authorities that may sign Redis' certificate; default those that Node knows. */
  readonly ca?: string;
  /** Certificate that the gateway shows to Redis; needs `key`. */
  readonly cert?: string;
  /** Private key of `cert`. */
  readonly key?: string;
}

/**
 * Returns the socket options of a connection: those of TLS if the address says `rediss`, otherwise none. Redis'
 * certificate is always verified, with its host.
 */
export function tlsSocketOf({
  tls,
  certificates = {},
}: {
  readonly tls: boolean;
  readonly certificates?: RedisTls;
}) {
  return tls ? { tls: true as const, ...certificates } : {};
}
