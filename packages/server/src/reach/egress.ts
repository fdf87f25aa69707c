import { lookup as resolve } from "node:dns/promises";
import { BlockList } from "node:net";
import { AddressList, isAddressRange } from "../admission/address-list.ts";
import { type IpAddress, parseIpAddress } from "../admission/ip-address.ts";

/** Addresses outside that the gateway calls for others, such as webhooks. */
export interface EgressOptions {
  /**
   * Hosts, and addresses or ranges of addresses, that may be called although they are not public: `hooks.internal`,
   * `10.1.0.0/16`, `private`, `loopback`. Default none.
   */
  readonly allow?: readonly string[];
  /** PEM text of further authorities that may sign the certificates of targets. */
  readonly ca?: string;
}

/** Resolves a host to all its addresses. */
export type ResolveHost = (host: string) => Promise<readonly { readonly address: string }[]>;

/** Target that may be called, with the addresses that were checked. A call must use these and no others. */
export interface CheckedTarget {
  readonly url: URL;
  readonly addresses: readonly IpAddress[];
}

/** IPv4 ranges that are not public, by IANA's registry of special-purpose addresses, and multicast. */
const closedIpv4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
];
/** Ranges within the public IPv6 space, 2000::/3, that lead elsewhere: Teredo, 6to4, documentation and the like. */
const closedIpv6 = ["2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"];

/**
 * Decides which addresses outside the gateway may be called.
 *
 * A target is https. Its host is resolved anew for each call, and every address it has must be public or allowed. The
 * call then goes to the checked addresses, so that no later answer of a name server counts.
 */
export class Egress {
  readonly ca: string | undefined;
  readonly #allowed: AddressList;
  readonly #allowedHosts: ReadonlySet<string>;
  readonly #closed = new BlockList();
  readonly #public = new BlockList();
  readonly #resolve: ResolveHost;

  constructor(
    { allow = [], ca }: EgressOptions = {},
    resolveHost: ResolveHost = (host) => resolve(host, { all: true }),
  ) {
    this.ca = ca;
    this.#resolve = resolveHost;
    this.#allowed = new AddressList(allow.filter(isAddressRange));
    this.#allowedHosts = new Set(allow.filter((entry) => !isAddressRange(entry)));
    for (const range of closedIpv4) addTo(this.#closed, range, "ipv4");
    for (const range of closedIpv6) addTo(this.#closed, range, "ipv6");
    addTo(this.#public, "2000::/3", "ipv6");
  }

  /** Returns why an address can never be called; undefined for one whose host must be resolved to know. */
  refusalOf(text: string): string | undefined {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || url.protocol !== "https:") return "must be an https: address";
    if (url.username !== "" || url.password !== "") return "must be without credentials";
    const literal = literalOf(url) ?? (isLocalhost(url) ? loopback : undefined);
    if (literal === undefined || this.#isOpen(literal)) return undefined;
    return this.#allowedHosts.has(url.hostname) ? undefined : notPublic;
  }

  /** Resolves a target. Rejects with an error whose message says why it may not or cannot be called. */
  async check(text: string): Promise<CheckedTarget> {
    const refusal = this.refusalOf(text);
    if (refusal !== undefined) throw new RefusedTarget(refusal);
    const url = new URL(text);
    const literal = literalOf(url);
    if (literal !== undefined) return { url, addresses: [literal] };
    const found = await this.#resolve(url.hostname);
    const addresses = found.map(({ address }) => parseIpAddress(address));
    const isAllowedHost = this.#allowedHosts.has(url.hostname);
    const known: IpAddress[] = [];
    for (const address of addresses) {
      if (address === undefined) throw new RefusedTarget(notPublic);
      if (!isAllowedHost && !this.#isOpen(address)) throw new RefusedTarget(notPublic);
      known.push(address);
    }
    if (known.length === 0) throw new Error("the host has no address");
    return { url, addresses: known };
  }

  #isOpen(address: IpAddress): boolean {
    if (this.#allowed.has(address)) return true;
    const { text, family } = address;
    if (this.#closed.check(text, family)) return false;
    return family === "ipv4" || this.#public.check(text, family);
  }
}

/** Error of a target that may not be called. */
export class RefusedTarget extends Error {}

const notPublic =
  "leads to an address that is not public; name the host or its range in egress.allow to permit it";

/** Returns the address that a URL names instead of a host. */
function literalOf({ hostname }: URL): IpAddress | undefined {
  return hostname.startsWith("[") || /^[\d.]+$/.test(hostname)
    ? parseIpAddress(hostname)
    : undefined;
}

/** True for the names that every machine has for itself. */
function isLocalhost({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost");
}

const loopback: IpAddress = { text: "127.0.0.1", family: "ipv4" };

function addTo(list: BlockList, range: string, family: "ipv4" | "ipv6"): void {
  const [address = "", bits] = range.split("/");
  list.addSubnet(address, Number(bits), family);
}
