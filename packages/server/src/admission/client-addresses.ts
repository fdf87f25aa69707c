import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { CoreLog } from "@milepost/core";
import { AddressList } from "./address-list.ts";
import { type ForwardingHeader, forwardingHeaders, readForwarded } from "./forwarded.ts";
import { countedAddress, type IpAddress, parseIpAddress } from "./ip-address.ts";

/** Settings of {@link ClientAddresses}. */
export interface ClientAddressOptions {
  /** Addresses and ranges of the proxies in front of the gateway. */
  readonly trustedProxies: readonly string[];
  /** The one header that the proxies set; when absent, the first present one of {@link forwardingHeaders}. */
  readonly forwardedHeader?: ForwardingHeader;
}

/** Number of addresses whose keys are remembered. */
const maxKeys = 1_000;

/**
 * Finds out the address from which a client uses the gateway.
 *
 * A forwarding header counts only if the peer is a trusted proxy. Of its list, the right-most address that is not
 * itself a trusted proxy is the client: everything to the left of it may be forged.
 */
export class ClientAddresses {
  readonly #proxies: AddressList;
  readonly #hasProxies: boolean;
  readonly #nearby = new AddressList(["loopback", "private"]);
  readonly #headers: readonly ForwardingHeader[];
  readonly #log: Pick<CoreLog, "warn">;
  /** Peers that the PROXY protocol named, by socket. */
  readonly #peers = new WeakMap<Duplex, IpAddress>();
  readonly #warned = new Set<string>();
  /** Keys of the addresses that came last, because comparing an address with ranges takes microseconds. */
  readonly #keys = new Map<string, string | undefined>();

  constructor(options: ClientAddressOptions, log: Pick<CoreLog, "warn">) {
    this.#proxies = new AddressList(options.trustedProxies);
    this.#hasProxies = options.trustedProxies.length > 0;
    this.#headers =
      options.forwardedHeader === undefined ? forwardingHeaders : [options.forwardedHeader];
    this.#log = log;
  }

  /** True if the socket's own peer is a trusted proxy. */
  isProxy(socket: Duplex): boolean {
    const peer = remoteOf(socket);
    return peer !== undefined && this.#proxies.has(peer);
  }

  /** Records the client of a socket that a PROXY protocol header has named. */
  setPeer(socket: Duplex, peer: IpAddress): void {
    this.#peers.set(socket, peer);
  }

  /** Gives a socket the client that a PROXY protocol header has named for another one. */
  copyPeer(from: Duplex, to: Duplex): void {
    const peer = this.#peers.get(from);
    if (peer !== undefined) this.#peers.set(to, peer);
  }

  /**
   * Returns the key under which a new socket is counted; undefined if it is not limited by its address, or if its
   * address is known only from a request.
   */
  ofSocket(socket: Duplex): string | undefined {
    return this.#counted(this.#peerOf(socket));
  }

  /** Returns the key under which the client of a request is counted; undefined if its address has no limit. */
  ofRequest({ socket, headers }: Pick<IncomingMessage, "socket" | "headers">): string | undefined {
    const peer = this.#peerOf(socket);
    const present = this.#headers.filter((name) => headers[name] !== undefined);
    const [header] = present;
    if (header === undefined) return this.#counted(peer);
    if (peer === undefined || !this.#proxies.has(peer)) {
      this.#warnOfStranger(peer, header);
      return this.#counted(peer);
    }
    let client = peer;
    for (const element of readForwarded(headers, header).toReversed()) {
      const address = parseIpAddress(element);
      // Nothing to the left of an unreadable element can be believed.
      if (address === undefined) break;
      client = address;
      if (!this.#proxies.has(address)) break;
    }
    if (present.length > 1) this.#warnOfSeveral(present);
    return this.#counted(client);
  }

  #peerOf(socket: Duplex): IpAddress | undefined {
    return this.#peers.get(socket) ?? remoteOf(socket);
  }

  /**
   * Returns the key of an address. A peer without an address is a local one, on a socket in the file system. Without
   * trusted proxies, a peer nearby may be a proxy that serves everybody.
   */
  #counted(address: IpAddress | undefined): string | undefined {
    if (address === undefined) return undefined;
    const { text } = address;
    if (this.#keys.has(text)) return this.#keys.get(text);
    const isExempt = (this.#hasProxies ? this.#proxies : this.#nearby).has(address);
    const key = isExempt ? undefined : countedAddress(address);
    if (this.#keys.size >= maxKeys) this.#keys.clear();
    this.#keys.set(text, key);
    return key;
  }

  #warnOfStranger(peer: IpAddress | undefined, header: ForwardingHeader): void {
    const kind = peer === undefined || this.#nearby.has(peer) ? "nearby" : "remote";
    if (this.#warned.has(kind)) return;
    this.#warned.add(kind);
    const address = peer?.text ?? "a socket without an address";
    this.#log.warn(
      { event: "proxy.untrusted", peer: address, header },
      `ignored the header ${header}: its sender ${address} is not in trustedProxies; add the address of your proxy there, so that limits per address count its clients`,
    );
  }

  #warnOfSeveral(headers: readonly ForwardingHeader[]): void {
    if (this.#warned.has("several")) return;
    this.#warned.add("several");
    this.#log.warn(
      { event: "proxy.ambiguous", headers },
      `a trusted proxy sends several forwarding headers, and only ${headers[0]} counts; name the one that your proxy sets in forwardedHeader, since it may pass on the others as the client sent them`,
    );
  }
}

function remoteOf(socket: Duplex): IpAddress | undefined {
  const { remoteAddress } = socket as { readonly remoteAddress?: string };
  return remoteAddress === undefined ? undefined : parseIpAddress(remoteAddress);
}
