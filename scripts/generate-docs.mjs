// Writes the tables of docs/ that are generated from code; run it with `npm run docs`. A test fails when they
// differ.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);

/** @typedef {Record<string, { status: number, retryable: boolean, description: string }>} ErrorCodes */
/** @typedef {Record<string, { name: string, verdict: string, description: string, sent?: string }>} CloseCodes */

/**
 * The whole of docs/errors.md.
 *
 * @param {ErrorCodes} errorCodes
 */
export function errorsDocument(errorCodes) {
  const rows = Object.entries(errorCodes).map(([code, { status, retryable, description }]) => [
    `\`${code}\``,
    String(status),
    retryable ? "yes" : "no",
    description,
  ]);
  return `# Errors

\`npm run docs\` generates this page from the table \`errorCodes\` of \`@milepost/protocol\`. A test fails when they differ. Codes are
stable: no code is ever renamed or reused for something else. Programs decide by \`code\` and \`retryable\`. \`message\` is for people
and may change.

Where an error appears:

- In a message: \`{"type": "reply", "id": …, "error": {"code", "message", "retryable", "retry_after_ms"?}}\`.
- By HTTP: a problem document (RFC 9457) with the status below, \`code\` and \`retryable\`.
- In TypeScript: \`MilepostError\` with \`code\`, \`retryable\` and \`retryAfterMs\`.

A subscribe that the token does not allow is answered like this:

\`\`\`json
{"type": "reply", "id": 3, "error": {"code": "forbidden", "retryable": false,
 "message": "the credential does not allow this: subscribe operation:9; the channel's rule or the token must grant it"}}
\`\`\`

\`retryable: true\` means that the same request may succeed later. Wait \`retry_after_ms\` where it is given, otherwise a growing random
delay. Repeat the request with the same \`key\` or id; then nothing happens twice.

${table(["code", "HTTP status", "retryable", "meaning"], rows)}`;
}

/**
 * The table of close codes in docs/protocol/closing.md.
 *
 * @param {CloseCodes} closeCodes
 */
export function closeCodesTable(closeCodes) {
  const rows = Object.entries(closeCodes).map(([code, { name, verdict, description, sent }]) => [
    code,
    `\`${name}\``,
    verdict,
    description,
    sent ?? "not sent yet",
  ]);
  return table(["code", "name", "verdict", "meaning", "sent today"], rows);
}

/**
 * The text with what stands between `<!-- name:begin -->` and `<!-- name:end -->` replaced.
 *
 * @param {string} text
 * @param {string} name
 * @param {string} section
 */
export function withSection(text, name, section) {
  const begin = `<!-- ${name}:begin -->\n`;
  const end = `<!-- ${name}:end -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`the markers ${begin.trim()} and ${end} are missing`);
  return text.slice(0, from + begin.length) + section + text.slice(to);
}

/**
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} rows
 */
function table(head, rows) {
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const built = new URL("packages/protocol/dist/index.js", root).href;
  const { errorCodes, closeCodes } = await import(built);
  writeFileSync(new URL("docs/errors.md", root), errorsDocument(errorCodes));
  const closing = new URL("docs/protocol/closing.md", root);
  const text = readFileSync(closing, "utf8");
  writeFileSync(closing, withSection(text, "close-codes", closeCodesTable(closeCodes)));
}
