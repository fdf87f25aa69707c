import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { signingVectors } from "./signing.mjs";

test("vectors/signing.json is what its script writes; npm run vectors renews it", async () => {
  const file = new URL("../../vectors/signing.json", import.meta.url);
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(await signingVectors());
});
