import { lookup } from "node:dns/promises";
import { isIP } from "node:net";

/** Server that may be loaded: the address that every connection of the run goes to. */
export interface PermittedTarget {
  readonly url: URL;
  readonly address: string;
  readonly port: number;
  readonly isLoopback: boolean;
}

/** Finds the addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** Error of a target that may not, or cannot, be loaded. Its message says why and what to do. */
export class TargetRefused extends Error {
  override readonly name = "TargetRefused";
}

const resolveByDns: Resolve = async (host) =>
  (await lookup(host, { all: true })).map(({ address }) => address);

/**
 * Checks that a server may be loaded: it is on this machine's loopback, or `mayBeRemote` says that it is the user's own.
 *
 * A host name is resolved once, and all of its addresses must be loopback; the run then connects to the address that was
 * checked, so that a name which changes in between reaches no other server. Throws a {@link TargetRefused} otherwise.
 */
export async function permitTarget(
  url: URL,
  mayBeRemote: boolean,
  resolve: Resolve = resolveByDns,
): Promise<PermittedTarget> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  let addresses: readonly string[];
  try {
    addresses = isIP(host) === 0 ? await resolve(host) : [host];
  } catch {
    addresses = [];
  }
  const [address] = addresses;
  if (address === undefined) {
    throw new TargetRefused(`the name ${host} has no address; check the URL`);
  }
  const isLoopback = addresses.every(isLoopbackAddress);
  if (!isLoopback && !mayBeRemote) {
    throw new TargetRefused(
      `${url.host} is not on this machine: load on a server that is not yours is an attack on it. ` +
        "Run the tool beside the gateway, or pass --allow-remote if the server is your own",
    );
  }
  const isTls = url.protocol === "https:" || url.protocol === "wss:";
  const port = url.port === "" ? (isTls ? 443 : 80) : Number(url.port);
  return { url, address, port, isLoopback };
}

/** Returns true for 127.0.0.0/8 and ::1, also as IPv4 in IPv6. */
export function isLoopbackAddress(address: string): boolean {
  const v4 = /^(?:::ffff:)?(\d+)\.\d+\.\d+\.\d+$/i.exec(address);
  return v4 === null ? address === "::1" : v4[1] === "127";
}
