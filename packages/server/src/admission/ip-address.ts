import { isIP } from "node:net";

/** Parsed IP address of a client or proxy. */
export interface IpAddress {
  /** The address in its shortest form; an IPv4 address that was mapped into IPv6 is in its IPv4 form. */
  readonly text: string;
  readonly family: "ipv4" | "ipv6";
}

/**
 * Parses an IP address as sockets and forwarding headers write it. A port, brackets around IPv6 and a zone
 * (`%eth0`) are allowed and dropped. Returns undefined for anything else, such as `unknown` or a host name.
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  const bracketed = /^\[([0-9A-Fa-f:.]+)(?:%[^\]]*)?\](?::\d{1,5})?$/.exec(text)?.[1];
  const bare = bracketed ?? text.replace(/%.*$/, "");
  const host = /^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/.exec(bare)?.[1] ?? bare;
  switch (isIP(host)) {
    case 4:
      return { text: host, family: "ipv4" };
    case 6:
      return fromIpv6(host);
    default:
      return undefined;
  }
}

/**
 * Returns the key under which the clients of an address are counted: an IPv4 address itself, and the /64 prefix of
 * an IPv6 address, because one customer usually has a whole /64.
 */
export function countedAddress({ text, family }: IpAddress): string {
  if (family === "ipv4") return text;
  return `${groupsOf(text).slice(0, 4).join(":")}::/64`;
}

/** Shortens an IPv6 address as WHATWG URLs do, and unmaps an IPv4 address in it. */
function fromIpv6(text: string): IpAddress {
  const short = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short);
  if (mapped === null) return { text: short, family: "ipv6" };
  const [high = 0, low = 0] = mapped.slice(1).map((group) => Number.parseInt(group, 16));
  return { text: [high >> 8, high & 255, low >> 8, low & 255].join("."), family: "ipv4" };
}

/** Returns the eight groups of a shortened IPv6 address. */
function groupsOf(text: string): readonly string[] {
  const [before = "", after] = text.split("::");
  const head = before === "" ? [] : before.split(":");
  const tail = after === undefined || after === "" ? [] : after.split(":");
  return [...head, ...Array<string>(8 - head.length - tail.length).fill("0"), ...tail];
}
