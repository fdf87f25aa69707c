import { describe, expect, it } from "vitest";
import { closeCodes } from "./close-codes.ts";
import { errorCodes } from "./error-codes.ts";
import { documentText, productSources } from "./testing/test-titles.ts";

interface DocsGenerator {
  errorsDocument(codes: typeof errorCodes): string;
  closeCodesTable(codes: typeof closeCodes): string;
  withSection(text: string, name: string, section: string): string;
}

const root = new URL("../../../", import.meta.url);
const generator: DocsGenerator = await import(new URL("scripts/generate-docs.mjs", root).href);

describe("tables in the documents that are generated from the code", () => {
  it("[P-SRV-2] docs/errors.md lists exactly the error codes of the code (rewrite it with `npm run docs`)", () => {
    expect(documentText("docs/errors.md")).toBe(generator.errorsDocument(errorCodes));
  });

  it("[P-CLOSE-1] closing.md lists exactly the close codes of the code (rewrite it with `npm run docs`)", () => {
    const text = documentText("docs/protocol/closing.md");
    const table = generator.closeCodesTable(closeCodes);
    expect(table).toContain("| 4002 | `slow_consumer` | resume |");
    expect(text).toBe(generator.withSection(text, "close-codes", table));
  });

  it("the table of close codes marks a code as not sent exactly if no source of the server contains it", () => {
    const sources = productSources(["packages/protocol", "packages/core", "packages/server"])
      .filter((path) => !/(close-(codes|verdict|of-error)|error-of-close)\.ts$/.test(path))
      .map(documentText)
      .join();
    const rows = generator.closeCodesTable(closeCodes).matchAll(/^\| (\d{4}) \|.*\| (.+) \|$/gm);
    const unsent = [...rows].filter(([, , sent = ""]) => /^(not sent yet|never)/.test(sent));
    const unnamed = Object.keys(closeCodes).filter((code) => !sources.includes(code));
    expect(unsent.map(([, code]) => code)).toEqual(unnamed);
  });
});
