import { describe, expect, it } from "vitest";
import { isLoopbackAddress, permitTarget, TargetRefused } from "./permitted-target.ts";

const resolvesTo =
  (...addresses: string[]) =>
  () =>
    Promise.resolve(addresses);
const dns = () => Promise.reject(new Error("no look-up was expected"));

describe("permitTarget", () => {
  it("permits addresses of loopback without a look-up, and says where connections go", async () => {
    expect(await permitTarget(new URL("http://127.0.0.1:8787"), false, dns)).toMatchObject({
      address: "127.0.0.1",
      port: 8787,
      isLoopback: true,
    });
    expect(await permitTarget(new URL("https://[::1]/"), false, dns)).toMatchObject({
      address: "::1",
      port: 443,
      isLoopback: true,
    });
  });

  it("refuses every other server unless it is said to be the user's own, with the reason", async () => {
    for (const host of ["192.0.2.1", "10.0.0.1", "[2001:db8::1]", "0.0.0.0", "128.0.0.1"]) {
      const url = new URL(`http://${host}:80`);
      await expect(permitTarget(url, false, dns)).rejects.toThrow(/--allow-remote/);
      expect(await permitTarget(url, true, dns)).toMatchObject({ isLoopback: false, port: 80 });
    }
  });

  it("refuses a name of which one address is not loopback, and pins the address that it checked", async () => {
    const url = new URL("http://gateway.test:1");
    await expect(
      permitTarget(url, false, resolvesTo("127.0.0.1", "192.0.2.1")),
    ).rejects.toBeInstanceOf(TargetRefused);
    expect(await permitTarget(url, false, resolvesTo("127.0.0.5"))).toMatchObject({
      address: "127.0.0.5",
      isLoopback: true,
    });
    await expect(permitTarget(url, true, resolvesTo())).rejects.toThrow("has no address");
  });

  it("takes names that only begin like loopback for what they are", () => {
    expect(isLoopbackAddress("::ffff:127.0.0.1")).toBe(true);
    expect(isLoopbackAddress("::ffff:192.0.2.1")).toBe(false);
    expect(isLoopbackAddress("1127.0.0.1")).toBe(false);
  });
});
