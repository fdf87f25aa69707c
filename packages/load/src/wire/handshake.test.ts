import { expect, test } from "vitest";
import { acceptOf, frameOfClient, makeHandshake, readAnswer } from "./handshake.ts";

function answer(accept: string): string {
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nsec-websocket-ACCEPT: ${accept}\r\n\r\n`;
}

test("acceptOf returns the accept key of the WebSocket standard's example", () => {
  expect(acceptOf("dGhlIHNhbXBsZSBub25jZQ==")).toBe("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
});

test("readAnswer returns where the frames begin, and undefined while the server's answer is incomplete", () => {
  const handshake = makeHandshake({ host: "127.0.0.1:1", path: "/ws" });
  const bytes = Buffer.from(`${answer(handshake.accept)}frames`);
  const end = bytes.length - "frames".length;
  expect(readAnswer(bytes, handshake)).toBe(end);
  expect(readAnswer(bytes.subarray(0, end - 1), handshake)).toBeUndefined();
});

test("readAnswer throws an error with a refusal's status and body, and refuses an accept key of another request", () => {
  const handshake = makeHandshake({ host: "127.0.0.1:1", path: "/ws" });
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
