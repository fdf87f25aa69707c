/** Returns a text that says why a server cannot listen, and what to do. */
export function explainListenError(cause: unknown, port: number, host: string): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  switch (code) {
    case "EADDRINUSE":
      return `port ${port} on ${host} is in use; stop the process that listens on it or choose another port`;
    case "EACCES":
      return `port ${port} needs more privileges than this process has; choose a port above 1023`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${host} is not an address of this machine; use 127.0.0.1, or 0.0.0.0 for all interfaces`;
    default:
      return `cannot listen on ${host}:${port}: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
}
