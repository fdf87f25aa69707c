import { startRedis } from "@milepost/redis/testing";
import { describe, expect, it } from "vitest";
import { logStoreWarnings } from "./store-warnings.ts";

async function linesOf(redis: string) {
  const lines: string[] = [];
  const at = (level: string) => (_: unknown, message: string) =>
    void lines.push(`${level} ${message}`);
  await logStoreWarnings({ redis }, { info: at("info"), warn: at("warn"), error: at("error") });
  return lines;
}

describe("warnings about the settings of the store", () => {
  it("nothing is logged for the in-memory store", async () => {
    expect(await linesOf("")).toEqual([]);
  });

  it("an unreachable store is logged as one info line", async () => {
    expect(await linesOf("redis://127.0.0.1:1")).toEqual([
      "info the settings of the store could not be checked",
    ]);
  });

  it.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined)(
    "each Redis setting that weakens a guarantee is logged as a warning",
    async () => {
      await using weak = await startRedis(["--maxmemory-policy", "allkeys-lru"]);
      expect(await linesOf(weak.url)).toEqual([
        expect.stringMatching(/^warn Redis at \S+ has appendonly off/),
        expect.stringMatching(/^warn Redis at \S+ has maxmemory-policy allkeys-lru/),
      ]);
      await using well = await startRedis(["--appendonly", "yes"]);
      expect(await linesOf(well.url)).toEqual([]);
    },
  );
});
