import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTick } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { Generator } from "./generator.ts";

const folder = await mkdtemp(join(tmpdir(), "milepost-generator-"));
afterAll(() => rm(folder, { recursive: true }));

describe("Generator", () => {
  it("rejects what is awaited later when its process has ended early", async () => {
    const ending = join(folder, "ending.mjs");
    await writeFile(ending, "process.exit(3);\n");
    using generator = new Generator<object, { readonly type: "first" | "second" }>(
      pathToFileURL(ending),
    );
    const later = generator.next("second");
    await expect(generator.next("first")).rejects.toThrow("ended early (3)");
    // Node ends a program at a rejection that nobody handles by now.
    await nextTick();
    await expect(later).rejects.toThrow("ended early (3)");
  });
});
