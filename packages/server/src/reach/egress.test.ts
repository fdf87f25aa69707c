import { describe, expect, test } from "vitest";
import { Egress, RefusedTarget } from "./egress.ts";

const names: Readonly<Record<string, readonly string[]>> = {
  "hooks.example": ["93.184.216.34", "2606:2800:220:1::1"],
  "inside.example": ["10.1.2.3"],
  "mixed.example": ["93.184.216.34", "127.0.0.1"],
  "mapped.example": ["::ffff:10.0.0.1"],
  "empty.example": [],
};

function egress(allow: readonly string[] = []): Egress {
  return new Egress({ allow }, async (host) => (names[host] ?? []).map((address) => ({ address })));
}

describe("calls to addresses outside", () => {
  test("[P-REACH-12] a public host may be called, at all the addresses it has", async () => {
    const { url, addresses } = await egress().check("https://hooks.example:8443/in?x=1");
    expect(url.href).toBe("https://hooks.example:8443/in?x=1");
    expect(addresses.map(({ text }) => text)).toEqual(names["hooks.example"]);
  });

  test("[P-REACH-12] a host is refused if any address it has is not public", async () => {
    for (const host of ["inside.example", "mixed.example", "mapped.example"]) {
      await expect(egress().check(`https://${host}/`)).rejects.toThrow(RefusedTarget);
    }
    await expect(egress().check("https://empty.example/")).rejects.not.toThrow(RefusedTarget);
  });

  test("[P-REACH-12] addresses of every range that is not public are refused, however they are written", () => {
    const refused = [
      "0.0.0.0",
      "10.0.0.1",
      "100.64.0.1",
      "127.0.0.1",
      "127.1",
      "2130706433",
      "0x7f.0.0.1",
      "0177.0.0.1",
      "169.254.169.254",
      "172.16.0.1",
      "172.31.255.255",
      "192.0.0.1",
      "192.168.1.1",
      "198.18.0.1",
      "224.0.0.1",
      "255.255.255.255",
      "[::]",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "[::ffff:a9fe:a9fe]",
      "[64:ff9b::7f00:1]",
      "[fc00::1]",
      "[fe80::1]",
      "[fec0::1]",
      "[ff02::1]",
      "[100::1]",
      "[2001::1]",
      "[2001:db8::1]",
      "[2002:7f00:1::]",
      "[3fff::1]",
      "localhost",
      "hooks.localhost",
    ];
    for (const host of refused) {
      expect([host, egress().refusalOf(`https://${host}/`)]).toEqual([
        host,
        expect.stringContaining("not public"),
      ]);
    }
    for (const host of ["93.184.216.34", "172.32.0.1", "[2606:2800:220:1::1]"]) {
      expect(egress().refusalOf(`https://${host}/`)).toBeUndefined();
    }
  });

  test("[P-REACH-12] only https addresses without credentials may be called", () => {
    for (const url of [
      "http://hooks.example/",
      "file:///etc/passwd",
      "https://user:pass@hooks.example/",
      "hooks.example",
      "https://",
      "",
    ]) {
      expect(egress().refusalOf(url)).toEqual(expect.any(String));
    }
  });

  test("[P-REACH-12] egress.allow permits ranges and named hosts that are not public, and nothing beside them", async () => {
    const byRange = egress(["10.0.0.0/8"]);
    expect(byRange.refusalOf("https://10.9.9.9/")).toBeUndefined();
    expect(byRange.refusalOf("https://127.0.0.1/")).toBeDefined();
    await byRange.check("https://inside.example/");
    await byRange.check("https://mapped.example/");
    await expect(byRange.check("https://mixed.example/")).rejects.toThrow(RefusedTarget);
    const byName = egress(["inside.example"]);
    await byName.check("https://inside.example/");
    await expect(byName.check("https://mixed.example/")).rejects.toThrow(RefusedTarget);
    expect(byName.refusalOf("https://10.1.2.3/")).toBeDefined();
    expect(egress(["loopback"]).refusalOf("https://[::1]/")).toBeUndefined();
    expect(egress(["loopback"]).refusalOf("https://localhost/")).toBeUndefined();
    expect(egress(["localhost"]).refusalOf("https://localhost/")).toBeUndefined();
    expect(egress(["10.1.2.3"]).refusalOf("https://10.1.2.4/")).toBeDefined();
  });

  test("[P-REACH-12] a host is resolved anew for each call, so one that moves inside is refused then", async () => {
    let address = "93.184.216.34";
    const moving = new Egress({}, async () => [{ address }]);
    await moving.check("https://hooks.example/");
    address = "169.254.169.254";
    await expect(moving.check("https://hooks.example/")).rejects.toThrow(RefusedTarget);
  });
});
