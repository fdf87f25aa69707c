import { describe, expect, test } from "vitest";
import type { MakeEngine } from "./engine-harness.ts";

/** Contract tests of the leases; every engine runs them. */
export function leasesContract(name: string, make: MakeEngine): void {
  describe(`${name} leases`, () => {
    test("leases whose names differ in half of a surrogate pair are different leases", async () => {
      await using harness = await make();
      const { leases } = harness.engine;
      expect(await leases.acquire("\ud800", 1_000)).toBeDefined();
      expect(await leases.acquire("\ud801", 1_000)).toBeDefined();
      expect(await leases.acquire("\ud801", 1_000)).toBeUndefined();
    });

    test("concurrent acquires of one lease give it to one holder", async () => {
      await using harness = await make();
      const { leases } = harness.engine;
      const claims = Array.from({ length: 10 }, () => leases.acquire("a", 1_000));
      const held = (await Promise.all(claims)).filter((lease) => lease !== undefined);
      expect(held).toHaveLength(1);
      expect(await leases.get("a")).toEqual(held[0]);
      expect(await leases.acquire("b", 1_000)).toMatchObject({ name: "b", ttlMs: 1_000 });
    });

    test("[G9] a takeover by force gets a higher fence, and the earlier holder is refused", async () => {
      await using harness = await make();
      const { leases } = harness.engine;
      const first = await leases.acquire("a", 1_000);
      const second = await leases.acquire("a", 1_000, { force: true });
      expect(second?.fence).toBeGreaterThan(first?.fence ?? Number.NaN);
      expect(second?.token).not.toBe(first?.token);
      expect(await leases.renew("a", first?.token ?? "")).toBeUndefined();
      expect(await leases.release("a", first?.token ?? "")).toBe(false);
      expect(await leases.renew("a", second?.token ?? "")).toBeDefined();
    });

    test("a renewal lasts as long as the lease was acquired for, or for the duration that the renewal requests", async () => {
      await using harness = await make();
      const { leases } = harness.engine;
      const lease = await leases.acquire("a", 1_000);
      await harness.advance(600);
      const renewed = await leases.renew("a", lease?.token ?? "");
      expect(renewed).toMatchObject({ fence: lease?.fence, token: lease?.token, ttlMs: 1_000 });
      expect(renewed?.expiresAt).toBeGreaterThan(lease?.expiresAt ?? Number.NaN);
      await harness.advance(600);
      expect(await leases.acquire("a", 1_000)).toBeUndefined();
      expect(await leases.renew("a", lease?.token ?? "", 5_000)).toMatchObject({ ttlMs: 5_000 });
      await harness.advance(4_000);
      expect(await leases.acquire("a", 1_000)).toBeUndefined();
    });

    test("an expired lease can be renewed by its holder until another holder acquires it", async () => {
      await using harness = await make();
      const { leases } = harness.engine;
      const lease = await leases.acquire("a", 1_000);
      await harness.advance(1_500);
      expect(await leases.get("a")).toEqual(lease);
      expect(await leases.renew("a", lease?.token ?? "")).toBeDefined();
      await harness.advance(1_500);
      const next = await leases.acquire("a", 1_000);
      expect(next?.fence).toBeGreaterThan(lease?.fence ?? Number.NaN);
      expect(await leases.renew("a", lease?.token ?? "")).toBeUndefined();
    });

    test("[G9] a lease acquired after a release has a higher fence", async () => {
      await using harness = await make();
      const { leases } = harness.engine;
      const lease = await leases.acquire("a", 1_000);
      expect(await leases.release("a", lease?.token ?? "")).toBe(true);
      expect(await leases.get("a")).toBeUndefined();
      expect(await leases.renew("a", lease?.token ?? "")).toBeUndefined();
      expect((await leases.acquire("a", 1_000))?.fence).toBeGreaterThan(lease?.fence ?? Number.NaN);
    });

    test("[P-OP-17] a lease says who holds it and since when, also after renewals and a takeover", async () => {
      await using harness = await make();
      const { leases } = harness.engine;
      const first = await leases.acquire("a", 1_000, { holder: "worker-1" });
      expect(first).toMatchObject({ holder: "worker-1", since: (first?.expiresAt ?? 0) - 1_000 });
      await harness.advance(500);
      const renewed = await leases.renew("a", first?.token ?? "");
      expect(renewed).toMatchObject({ holder: "worker-1", since: first?.since });
      const second = await leases.acquire("a", 1_000, { holder: "wörker 2", force: true });
      expect(second?.since).toBeGreaterThan(first?.since ?? Number.NaN);
      expect(await leases.get("a")).toEqual(second);
      const unnamed = await leases.acquire("a", 1_000, { force: true });
      expect(unnamed).not.toHaveProperty("holder");
      expect(await leases.get("a")).toEqual(unnamed);
    });

    test("a lease that was never acquired cannot be read, renewed or released", async () => {
      await using harness = await make();
      const { leases } = harness.engine;
      expect(await leases.get("a")).toBeUndefined();
      expect(await leases.renew("a", "token")).toBeUndefined();
      expect(await leases.release("a", "token")).toBe(false);
    });
  });
}
