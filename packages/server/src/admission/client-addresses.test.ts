import { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { ClientAddresses, type ClientAddressOptions } from "./client-addresses.ts";

/** Requests from peers with chosen addresses, and what the gateway logged about them. */
function addresses(options: Partial<ClientAddressOptions> = {}) {
  const warnings: string[] = [];
  const log = { warn: (_: Record<string, unknown>, message: string) => warnings.push(message) };
  const clients = new ClientAddresses({ trustedProxies: [], ...options }, log);
  const of = (peer: string | undefined, headers: Record<string, string> = {}) => {
    const socket = Object.defineProperty(new Socket(), "remoteAddress", { value: peer });
    return clients.ofRequest({ socket, headers });
  };
  return { of, warnings };
}

describe("without trusted proxies", () => {
  test("[P-ADM-3] a public peer is counted, and peers on loopback and private addresses have no limit", () => {
    const { of } = addresses();
    expect(of("203.0.113.7")).toBe("203.0.113.7");
    expect(of("2001:db8::1")).toBe("2001:db8:0:0::/64");
    for (const near of [
      "127.0.0.1",
      "::1",
      "::ffff:10.1.2.3",
      "192.168.0.9",
      "172.31.0.1",
      "100.64.0.1",
      "fd00::1",
      "fe80::1",
      undefined,
    ]) {
      expect([near, of(near)]).toEqual([near, undefined]);
    }
  });

  test("[P-ADM-3] a forwarding header of a peer that is not trusted is ignored and logged once, with the setting that is missing", () => {
    const { of, warnings } = addresses();
    expect(of("203.0.113.7", { "x-forwarded-for": "198.51.100.1" })).toBe("203.0.113.7");
    expect(of("203.0.113.8", { forwarded: "for=198.51.100.1" })).toBe("203.0.113.8");
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/203\.0\.113\.7 is not in trustedProxies; add/);
    // A stranger's forgery does not hide that the deployment's own proxy is not trusted yet.
    expect(of("10.0.0.2", { "x-real-ip": "198.51.100.1" })).toBeUndefined();
    expect(of("10.0.0.2", { "x-real-ip": "198.51.100.1" })).toBeUndefined();
    expect(warnings).toHaveLength(2);
  });
});

describe("behind trusted proxies", () => {
  const trustedProxies = ["10.0.0.0/8", "2001:db8:ff::/48"];

  test.each([
    ["one proxy", "198.51.100.1", "198.51.100.1"],
    ["two proxies", "198.51.100.1, 10.0.0.3", "198.51.100.1"],
    ["a forged address to the left", "192.0.2.66, 198.51.100.1, 10.0.0.3", "198.51.100.1"],
    ["a forged proxy to the left", "10.0.0.9, 198.51.100.1", "198.51.100.1"],
    ["ports", "198.51.100.1:1234, [2001:db8:ff::1]:99", "198.51.100.1"],
    ["an IPv6 client", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"],
    ["garbage to the left of the client", "<script>, 198.51.100.1", "198.51.100.1"],
  ])(
    "[P-ADM-3] with %s, the right-most address that is not a proxy is the client",
    (_, header, client) => {
      const { of, warnings } = addresses({ trustedProxies });
      expect(of("10.0.0.2", { "x-forwarded-for": header })).toBe(client);
      expect(warnings).toEqual([]);
    },
  );

  test("[P-ADM-3] nothing to the left of an unreadable element is believed", () => {
    const { of } = addresses({ trustedProxies });
    expect(of("10.0.0.2", { "x-forwarded-for": "198.51.100.1, unknown" })).toBeUndefined();
    expect(of("10.0.0.2", { "x-forwarded-for": "198.51.100.1, x, 10.0.0.3" })).toBeUndefined();
    expect(of("10.0.0.2", { forwarded: "for=198.51.100.1, for=_hidden" })).toBeUndefined();
  });

  test("[P-ADM-3] a proxy's own requests have no limit, and those of a private client behind it have one", () => {
    const { of } = addresses({ trustedProxies });
    expect(of("10.0.0.2")).toBeUndefined();
    expect(of("10.0.0.2", { "x-forwarded-for": "192.168.1.5" })).toBe("192.168.1.5");
    expect(of("192.168.1.6")).toBe("192.168.1.6");
    expect(of("203.0.113.7", { "x-forwarded-for": "10.0.0.1" })).toBe("203.0.113.7");
  });

  test.each([
    ["for=198.51.100.1", "198.51.100.1"],
    ['For="198.51.100.1:47011";proto=https;by=203.0.113.43', "198.51.100.1"],
    ['for="[2001:db8:cafe::17]:4711"', "2001:db8:cafe:0::/64"],
    ['for=192.0.2.1, for="198.51.100.1"', "198.51.100.1"],
    ['for=192.0.2.1;host="a,b;for=10.0.0.1", for=198.51.100.1', "198.51.100.1"],
    ["by=10.0.0.1;for=198.51.100.1, for=10.0.0.3", "198.51.100.1"],
  ])("the client of Forwarded: %s is %s", (forwarded, client) => {
    expect(addresses({ trustedProxies }).of("10.0.0.2", { forwarded })).toBe(client);
  });

  test("X-Real-IP names the client too", () => {
    const { of } = addresses({ trustedProxies });
    expect(of("10.0.0.2", { "x-real-ip": "198.51.100.1" })).toBe("198.51.100.1");
  });

  test("[P-ADM-3] of several headers the one that the settings name counts, otherwise X-Forwarded-For, with a warning", () => {
    const headers = { "x-forwarded-for": "198.51.100.1", forwarded: "for=192.0.2.1" };
    const any = addresses({ trustedProxies });
    expect(any.of("10.0.0.2", headers)).toBe("198.51.100.1");
    any.of("10.0.0.2", headers);
    expect(any.warnings).toHaveLength(1);
    expect(any.warnings[0]).toContain("forwardedHeader");
    const named = addresses({ trustedProxies, forwardedHeader: "forwarded" });
    expect(named.of("10.0.0.2", headers)).toBe("192.0.2.1");
    expect(named.of("10.0.0.2", { "x-forwarded-for": "198.51.100.1" })).toBeUndefined();
    expect(named.warnings).toEqual([]);
  });
});
