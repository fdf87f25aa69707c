import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { encryptionVectors } from "./encryption.mjs";
import { signingVectors } from "./signing.mjs";

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../vectors/${name}`, import.meta.url), "utf8"));
}

test("the files in vectors/ are what their scripts write; npm run vectors renews them", async () => {
  expect(read("signing.json")).toEqual(await signingVectors());
  expect(read("encryption.json")).toEqual(await encryptionVectors());
});
