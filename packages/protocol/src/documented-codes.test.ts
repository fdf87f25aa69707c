import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { closeCodes } from "./close-codes.ts";
import { errorCodes } from "./error-codes.ts";

interface DocsGenerator {
  errorsDocument(codes: typeof errorCodes): string;
  closeCodesTable(codes: typeof closeCodes): string;
  withSection(text: string, name: string, section: string): string;
}

const root = new URL("../../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");
const generator: DocsGenerator = await import(new URL("scripts/generate-docs.mjs", root).href);

describe("the documents", () => {
  it("[P-SRV-2] list exactly the errors of the code; `npm run docs` writes them anew", () => {
    expect(read("docs/errors.md")).toBe(generator.errorsDocument(errorCodes));
  });

  it("[P-CLOSE-1] list exactly the close codes of the code; `npm run docs` writes them anew", () => {
    const text = read("docs/protocol.md");
    const table = generator.closeCodesTable(closeCodes);
    expect(table).toContain("| 4002 | `slow_consumer` | resume |");
    expect(text).toBe(generator.withSection(text, "close-codes", table));
  });
});
