import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readFigures } from "./figure-file.ts";
import { withTables } from "./figure-tables.ts";

const docs = fileURLToPath(new URL("../../../docs/", import.meta.url));

test("the tables of docs/performance.md are those of the committed figures; npm run bench -- table --write renews them", () => {
  const page = readFileSync(`${docs}performance.md`, "utf8");
  expect(withTables(page, readFigures(`${docs}figures`))).toBe(page);
});
