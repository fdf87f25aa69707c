import { describe, expect, test } from "vitest";
import { gatewayUrl } from "./gateway-url.ts";

describe("the gateway's address", () => {
  test("gatewayUrl accepts http and https addresses, with or without a path", () => {
    expect(gatewayUrl("https://example.com").href).toBe("wss://example.com/ws");
    expect(gatewayUrl("http://127.0.0.1:8787/").href).toBe("ws://127.0.0.1:8787/ws");
    expect(gatewayUrl("wss://example.com/live/ws?x=1#top").href).toBe(
      "wss://example.com/live/ws?x=1",
    );
  });

  test("gatewayUrl refuses an invalid address or another protocol, and says how to write it", () => {
    expect(() => gatewayUrl("http://")).toThrow(/write it like wss:/);
    expect(() => gatewayUrl("ftp://example.com/ws")).toThrow(/must begin with ws:/);
  });
});
