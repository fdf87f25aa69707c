import { type IpAddress, parseIpAddress } from "./ip-address.ts";

/** Result of reading the beginning of a connection as a PROXY protocol header. */
export type ProxyHeader =
  /** More bytes are needed. */
  | { readonly kind: "partial" }
  /** The bytes are not a valid header. */
  | { readonly kind: "invalid" }
  /**
   * A header of `length` bytes. `source` is the client's address; undefined if the proxy speaks for itself, as
   * health checks do.
   */
  | { readonly kind: "read"; readonly length: number; readonly source: IpAddress | undefined };

const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const v1Start = Buffer.from("PROXY ", "latin1");
/** Maximum length of a header of version 1, in bytes. */
const maxV1Bytes = 107;
/** Maximum length of the addresses and extensions of a header of version 2, in bytes. */
const maxV2Bytes = 2_048;
const partial: ProxyHeader = { kind: "partial" };
const invalid: ProxyHeader = { kind: "invalid" };

/** Reads the header of the PROXY protocol, version 1 or 2, at the beginning of `bytes`. Pure. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsAlike(bytes, signature)) return bytes.length < 16 ? partial : readV2(bytes);
  if (startsAlike(bytes, v1Start)) return readV1(bytes);
  return invalid;
}

/** True while the bytes agree with the start, as far as both go. */
function startsAlike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.subarray(0, length).equals(start.subarray(0, length));
}

function readV1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, maxV1Bytes).indexOf("\r\n");
  if (end < 0) return bytes.length < maxV1Bytes ? partial : invalid;
  const length = end + 2;
  const fields = bytes.toString("latin1", 0, end).split(" ");
  if (fields[1] === "UNKNOWN") return { kind: "read", length, source: undefined };
  const [, protocol, from = "", to = "", fromPort = "", toPort = ""] = fields;
  const isPort = (port: string) => /^\d{1,5}$/.test(port) && Number(port) <= 65_535;
  const source = plainAddress(from);
  const family = protocol === "TCP4" ? 4 : protocol === "TCP6" ? 6 : 0;
  const isValid =
    fields.length === 6 &&
    isPort(fromPort) &&
    isPort(toPort) &&
    plainAddress(to) !== undefined &&
    (family === 6 ? from.includes(":") : family === 4 && !from.includes(":"));
  return isValid && source !== undefined ? { kind: "read", length, source } : invalid;
}

function plainAddress(text: string): IpAddress | undefined {
  return /^[0-9A-Fa-f:.]+$/.test(text) ? parseIpAddress(text) : undefined;
}

function readV2(bytes: Buffer): ProxyHeader {
  const versionAndCommand = bytes.readUInt8(12);
  const family = bytes.readUInt8(13);
  const rest = bytes.readUInt16BE(14);
  const command = versionAndCommand & 0x0f;
  if (versionAndCommand >> 4 !== 2 || command > 1 || rest > maxV2Bytes) return invalid;
  const length = 16 + rest;
  if (bytes.length < length) return partial;
  // The command LOCAL, and families other than TCP over IP, say nothing about a client.
  if (command === 0) return { kind: "read", length, source: undefined };
  const bytesOf = { 17: 4, 33: 16 }[family];
  if (bytesOf === undefined) return { kind: "read", length, source: undefined };
  if (rest < 2 * bytesOf + 4) return invalid;
  const raw = bytes.subarray(16, 16 + bytesOf);
  const text =
    bytesOf === 4
      ? [...raw].join(".")
      : Array.from({ length: 8 }, (_, at) => raw.readUInt16BE(2 * at).toString(16)).join(":");
  const source = parseIpAddress(text);
  return source === undefined ? invalid : { kind: "read", length, source };
}
