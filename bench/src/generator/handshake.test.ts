import { expect, test } from "vitest";
import { acceptOf, frameOfClient, makeHandshake, readAnswer } from "./handshake.ts";

const plan = { port: 1, path: "/ws?channels=bench:{i}" };

function answer(accept: string): string {
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nsec-websocket-ACCEPT: ${accept}\r\n\r\n`;
}

test("acceptOf returns the accept key of the WebSocket standard's example", () => {
  expect(acceptOf("dGhlIHNhbXBsZSBub25jZQ==")).toBe("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
});

test("a handshake request contains the connection's number, the subprotocol of the plan, and a token", () => {
  const { request } = makeHandshake(
    { ...plan, subprotocol: "milepost.v1.json", tokenSecret: "a".repeat(32) },
    7,
  );
  expect(request).toMatch(/^GET \/ws\?channels=bench:7 HTTP\/1\.1\r\n/);
  expect(request).toContain("Sec-WebSocket-Protocol: milepost.v1.json\r\n");
  const token = /Authorization: Bearer (\S+)/.exec(request)?.[1] ?? "";
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  expect(claims).toMatchObject({ sub: "reader-7", channels: { subscribe: ["bench:*"] } });
});

test("readAnswer returns where the frames begin, and undefined while the server's answer is incomplete", () => {
  const handshake = makeHandshake(plan, 0);
  const bytes = Buffer.from(`${answer(handshake.accept)}frames`);
  const end = bytes.length - "frames".length;
  expect(readAnswer(bytes, handshake)).toBe(end);
  expect(readAnswer(bytes.subarray(0, end - 1), handshake)).toBeUndefined();
});

test("readAnswer throws an error with a refusal's status and body, and refuses an accept key of another request", () => {
  const handshake = makeHandshake(plan, 0);
  const refusal = Buffer.from("HTTP/1.1 404 Not Found\r\nA: b\r\n\r\nno such path");
  expect(() => readAnswer(refusal, handshake)).toThrow("404 Not Found no such path");
  expect(() => readAnswer(Buffer.from(answer("other")), handshake)).toThrow("does not accept");
});

test("frameOfClient masks the frame and keeps its payload", () => {
  const frame = frameOfClient(1, Buffer.from("40"));
  expect([...frame.subarray(0, 2)]).toEqual([0x81, 0x82]);
  const unmasked = frame.subarray(6).map((byte, index) => byte ^ (frame[2 + index] ?? 0));
  expect(Buffer.from(unmasked).toString()).toBe("40");
  expect(() => frameOfClient(1, Buffer.alloc(126))).toThrow("frames of at most 125 bytes");
});
