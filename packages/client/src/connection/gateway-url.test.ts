import { describe, expect, test } from "vitest";
import { gatewayUrl } from "./gateway-url.ts";

describe("the gateway's address", () => {
  test("may be given as a web address, with or without the path", () => {
    expect(gatewayUrl("https://example.com").href).toBe("wss://example.com/ws");
    expect(gatewayUrl("http://127.0.0.1:8787/").href).toBe("ws://127.0.0.1:8787/ws");
    expect(gatewayUrl("wss://example.com/live/ws?x=1#top").href).toBe(
      "wss://example.com/live/ws?x=1",
    );
  });

  test("is refused with the fix when it is none, or of another protocol", () => {
    expect(() => gatewayUrl("http://")).toThrow(/write it like wss:/);
    expect(() => gatewayUrl("ftp://example.com/ws")).toThrow(/must begin with ws:/);
  });
});
