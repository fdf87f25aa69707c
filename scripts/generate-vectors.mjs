import { writeFile } from "node:fs/promises";
import { encryptionVectors } from "./vectors/encryption.mjs";
import { signingVectors } from "./vectors/signing.mjs";

/**
 * Writes the examples of `vectors/`, by which implementations in other languages are tested. Run it after a build:
 * `npm run vectors`. Tests compare the files with the code, so a change that alters them shows.
 */
const files = [
  ["signing.json", await signingVectors()],
  ["encryption.json", await encryptionVectors()],
];

for (const [name, content] of files) {
  const url = new URL(`../vectors/${name}`, import.meta.url);
  await writeFile(url, `${JSON.stringify(content, undefined, 2)}\n`);
  console.log(`vectors/${name}`);
}
