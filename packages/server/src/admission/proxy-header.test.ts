import { expect, test } from "vitest";
import { readProxyHeader } from "./proxy-header.ts";

const signature = "\r\n\r\n\0\r\nQUIT\n";

function v2(command: number, family: number, body: readonly number[]): Buffer {
  const head = Buffer.from(signature, "latin1");
  const size = [body.length >> 8, body.length & 255];
  return Buffer.concat([head, Buffer.from([0x20 | command, family, ...size, ...body])]);
}

const tcp4 = v2(1, 0x11, [198, 51, 100, 1, 10, 0, 0, 1, 0x10, 0x00, 0x01, 0xbb]);
const tcp6 = v2(1, 0x21, [
  ...[0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9],
  ...Array<number>(16).fill(0),
  ...[1, 2, 3, 4],
]);

test.each([
  ["PROXY TCP4 198.51.100.1 10.0.0.1 4711 443\r\n", "198.51.100.1"],
  ["PROXY TCP6 2001:db8:1:2::9 ::1 4711 443\r\n", "2001:db8:1:2::9"],
  ["PROXY UNKNOWN\r\n", undefined],
  ["PROXY UNKNOWN ff:ff 1 2 3\r\n", undefined],
])("a header of version 1 names its client: %j", (text, source) => {
  const bytes = Buffer.from(`${text}GET / HTTP/1.1\r\n`);
  const header = readProxyHeader(bytes);
  expect(header).toMatchObject({ kind: "read", length: text.length });
  expect(header.kind === "read" ? header.source?.text : "none").toBe(source);
});

test("a header of version 2 names its client, and its extensions are skipped", () => {
  const withExtension = v2(1, 0x11, [...tcp4.subarray(16), 0x04, 0, 3, 1, 2, 3]);
  for (const [bytes, source] of [
    [tcp4, "198.51.100.1"],
    [withExtension, "198.51.100.1"],
    [tcp6, "2001:db8:1:2::9"],
    [v2(0, 0x00, []), undefined],
    [v2(0, 0x11, [...tcp4.subarray(16)]), undefined],
    [v2(1, 0x31, Array<number>(216).fill(1)), undefined],
  ] as const) {
    const header = readProxyHeader(Buffer.concat([bytes, Buffer.from("GET /")]));
    expect(header).toMatchObject({ kind: "read", length: bytes.length });
    expect(header.kind === "read" ? header.source?.text : "none").toBe(source);
  }
});

test("a header that arrives byte by byte is partial until its last byte", () => {
  for (const whole of [tcp4, tcp6, Buffer.from("PROXY TCP4 198.51.100.1 10.0.0.1 4711 443\r\n")]) {
    for (let length = 0; length < whole.length; length++) {
      expect(readProxyHeader(whole.subarray(0, length)).kind).toBe("partial");
    }
    expect(readProxyHeader(whole).kind).toBe("read");
  }
});

test.each([
  "GET / HTTP/1.1\r\n",
  "PROXY TCP4 198.51.100.1 10.0.0.1 4711\r\n",
  "PROXY TCP4 2001:db8::1 10.0.0.1 1 2\r\n",
  "PROXY TCP6 198.51.100.1 10.0.0.1 1 2\r\n",
  "PROXY TCP4 198.51.100.1 10.0.0.1 1 99999\r\n",
  "PROXY TCP4 198.51.100.1:7 10.0.0.1 1 2\r\n",
  "PROXY UDP4 198.51.100.1 10.0.0.1 1 2\r\n",
  "PROXY  TCP4 198.51.100.1 10.0.0.1 1 2\r\n",
  `PROXY TCP4 ${"1".repeat(200)}`,
])("%j is not a header", (text) => {
  expect(readProxyHeader(Buffer.from(text)).kind).toBe("invalid");
});

test("a header of version 2 with another version, an unknown command or a wrong length is invalid", () => {
  const other = Buffer.from(tcp4);
  other[12] = 0x11;
  const long = Buffer.from(tcp4);
  long.writeUInt16BE(4_000, 14);
  for (const bytes of [
    other,
    long,
    v2(2, 0x11, []),
    v2(1, 0x11, [1, 2, 3, 4]),
    v2(1, 0x21, [...tcp4.subarray(16)]),
  ]) {
    expect(readProxyHeader(bytes).kind).toBe("invalid");
  }
});
