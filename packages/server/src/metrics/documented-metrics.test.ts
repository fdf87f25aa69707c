import { readFileSync } from "node:fs";
import { coreInstruments } from "@milepost/core";
import { describe, expect, it } from "vitest";
import { processInstruments } from "./process-instruments.ts";

interface DocsGenerator {
  metricsDocument(tables: { readonly node: object; readonly process: object }): string;
}

const root = new URL("../../../../", import.meta.url);
const generator: DocsGenerator = await import(new URL("scripts/generate-docs.mjs", root).href);

describe("the page of metrics", () => {
  it("[P-MET-6] docs/metrics.md lists exactly the metrics of the code (rewrite it with `npm run docs`)", () => {
    const text = readFileSync(new URL("docs/metrics.md", root), "utf8");
    const tables = { node: coreInstruments, process: processInstruments };
    expect(text).toBe(generator.metricsDocument(tables));
  });
});
