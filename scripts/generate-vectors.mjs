import { writeFile } from "node:fs/promises";
import { encryptionVectors } from "./vectors/encryption.mjs";
import { operationFoldVectors } from "./vectors/operation-fold.mjs";
import { shortFormVectors } from "./vectors/short-form.mjs";
import { signingVectors } from "./vectors/signing.mjs";
import { traceContextVectors } from "./vectors/trace-context.mjs";

/**
 * Writes the examples of `vectors/`, by which implementations in other languages are tested. Run it after a build:
 * `npm run vectors`. Tests compare the files with the code, so a change that alters them shows.
 */
const files = /** @type {[string, object][]} */ ([
  ["signing.json", await signingVectors()],
  ["encryption.json", await encryptionVectors()],
  ["operation-fold.json", operationFoldVectors()],
  ["short-form.json", shortFormVectors()],
  ["trace-context.json", traceContextVectors()],
]);

/**
 * Returns a file as JSON. A list of cases has one case per line, so that a change shows which cases it alters.
 *
 * @param {object} content
 */
function written(content) {
  const { cases, ...rest } = /** @type {Record<string, unknown>} */ (content);
  const text = JSON.stringify(rest, undefined, 2);
  if (!Array.isArray(cases) || cases.length < 100) {
    return JSON.stringify(content, undefined, 2);
  }
  const lines = cases.map((one) => `    ${JSON.stringify(one)}`).join(",\n");
  return `${text.slice(0, -2)},\n  "cases": [\n${lines}\n  ]\n}`;
}

for (const [name, content] of files) {
  const url = new URL(`../vectors/${name}`, import.meta.url);
  await writeFile(url, `${written(content)}\n`);
  console.log(`vectors/${name}`);
}
