import { describe, expect, test } from "vitest";
import { testCore } from "../testing/index.ts";

const rules = [
  {
    pattern: "log:*",
    subscribe: "authenticated",
    publish: "authenticated",
    retention: { maxEntries: 1_000, maxAgeMs: 3_600_000, maxBytes: 50_000_000 },
  },
] as const;

describe("a page of history", () => {
  test("[P-STORE-1] the answer has at most 256 KiB, and its position leads to the next page until none is left", async () => {
    await using t = testCore({ rules });
    for (let n = 0; n < 100; n++) await t.publish("log:a", "e", { n, text: "x".repeat(20_000) });
    const seen: unknown[] = [];
    let since = "start";
    let pages = 0;
    for (;;) {
      const page = await t.core.channels.history(t.service, "log:a", {
        since: since === "start" ? "start" : positionOf(since),
        limit: 1_000,
      });
      if (page.entries.length === 0) break;
      expect(JSON.stringify(page).length).toBeLessThanOrEqual(256 * 1_024);
      expect(page.reason).toBeUndefined();
      seen.push(...page.entries.map(({ data }) => (data as { n: number }).n));
      since = page.position;
      pages++;
    }
    expect(seen).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect(pages).toBe(9);
  });

  test("[P-STORE-1] a larger entry comes alone, and the pages before and after it lack nothing", async () => {
    await using t = testCore({ rules });
    const lengths = [10, 900_000, 10, 900_000, 900_000, 10];
    for (const length of lengths) await t.publish("log:a", "e", "x".repeat(length));
    const pages: number[][] = [];
    let since: string | undefined;
    for (;;) {
      const page = await t.core.channels.history(t.service, "log:a", {
        ...(since === undefined ? {} : { since: positionOf(since) }),
      });
      if (page.entries.length === 0) break;
      pages.push(page.entries.map(({ data }) => String(data).length));
      since = page.position;
    }
    expect(pages).toEqual([[10], [900_000], [10], [900_000], [900_000], [10]]);
  });

  test("[P-STORE-1] {last: n} begins with the n-th newest entry and ends at 256 KiB, too", async () => {
    await using t = testCore({ rules });
    for (let n = 0; n < 30; n++) await t.publish("log:a", "e", { n, text: "x".repeat(50_000) });
    const page = await t.core.channels.history(t.service, "log:a", { since: { last: 20 } });
    expect(page.entries.map(({ data }) => (data as { n: number }).n)).toEqual([10, 11, 12, 13, 14]);
  });
});

function positionOf(text: string) {
  const [epoch = "", offset = "", tag = ""] = text.split(".");
  return { epoch, offset: Number(offset), tag };
}
