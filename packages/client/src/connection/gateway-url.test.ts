import { afterEach, describe, expect, test, vi } from "vitest";
import { createClient } from "../create-client.ts";
import { gatewayAddress, gatewayUrl } from "./gateway-url.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

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

  test("gatewayAddress resolves a relative address when it is needed, and throws where there is no page", () => {
    for (const url of ["/ws", "ws", "./live/ws", "?x=1"]) {
      const address = gatewayAddress(url);
      expect(address, url).toThrow(/relative to a page/);
      vi.stubGlobal("location", { href: "https://shop.test/orders/" });
      expect(address().host, url).toBe("shop.test");
      vi.unstubAllGlobals();
    }
    expect(() => gatewayAddress("http://")).toThrow(/not a valid address/);
    vi.stubGlobal("location", { href: "about:blank" });
    expect(() => gatewayAddress("/ws")).toThrow(/relative to a page/);
  });

  test("a client with a relative address is created on a server, and its first use fails there", async () => {
    const client = createClient({ url: "/ws" });
    expect(client.state).toEqual({ state: "idle" });
    expect(() => client.connect()).toThrow(/relative to a page/);
    await expect(client.request("orders.get")).rejects.toThrow(/relative to a page/);
    expect(() => client.channel("chat:1").subscribe({})).toThrow(/relative to a page/);
    expect(client.state).toEqual({ state: "idle" });
    await client.close();
  });
});
