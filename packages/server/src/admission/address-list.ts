import { BlockList } from "node:net";
import { type IpAddress, parseIpAddress } from "./ip-address.ts";

/** Named ranges that a list of addresses may contain. */
const namedRanges: Readonly<Record<string, readonly string[]>> = {
  loopback: ["127.0.0.0/8", "::1/128"],
  private: [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    // Carrier-grade NAT and link-local addresses are never those of clients on the internet either.
    "100.64.0.0/10",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
  ],
};

/** Set of IP addresses, given as addresses, CIDR ranges and the names `loopback` and `private`. */
export class AddressList {
  readonly #list = new BlockList();

  /** Creates the set. Throws a TypeError that names an invalid entry; see {@link isAddressRange}. */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      for (const each of namedRanges[range] ?? [range]) {
        const parsed = parseRange(each);
        if (parsed === undefined) throw new TypeError(`${JSON.stringify(each)} ${rangeRule}`);
        const { address, bits } = parsed;
        this.#list.addSubnet(address.text, bits, address.family);
      }
    }
  }

  has({ text, family }: IpAddress): boolean {
    return this.#list.check(text, family);
  }
}

/** Rule for an entry of an {@link AddressList}, as errors state it. */
export const rangeRule =
  "must be an IP address, a range such as 10.0.0.0/8, or one of the names loopback and private";

/** True for a valid entry of an {@link AddressList}. */
export function isAddressRange(text: string): boolean {
  return Object.hasOwn(namedRanges, text) || parseRange(text) !== undefined;
}

function parseRange(text: string): { address: IpAddress; bits: number } | undefined {
  const [, host = "", size] = /^([0-9A-Fa-f:.]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  // A port after an IPv4 address is not part of a range.
  const address = host.includes(".") && /:\d+$/.test(host) ? undefined : parseIpAddress(host);
  if (address === undefined) return undefined;
  const most = address.family === "ipv4" ? 32 : 128;
  // The prefix of a mapped IPv4 address counts the 96 bits before it.
  const mapped = address.family === "ipv4" && host.includes(":") ? 96 : 0;
  const bits = size === undefined ? most : Number(size) - mapped;
  return bits >= 0 && bits <= most ? { address, bits } : undefined;
}
