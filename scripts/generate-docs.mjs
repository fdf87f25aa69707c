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

/** @typedef {{ kind: string, name: string, help: string, unit: string, label?: string, values?: readonly string[], labels?: readonly (readonly [string, readonly string[] | { most: number }])[] }} MetricRow */

/**
 * The whole of docs/metrics.md.
 *
 * @param {{ node: Record<string, MetricRow>, process: Record<string, MetricRow> }} tables
 */
export function metricsDocument({ node, process }) {
  const rows = (/** @type {Record<string, MetricRow>} */ metrics) =>
    Object.values(metrics)
      .map((row) => {
        const head = `- **\`${row.name}\`** (${metricTypes[row.kind] ?? row.kind}, ${row.unit})`;
        const labels = labelsOf(row).map((label) => `  - ${label}\n`);
        return `${wrapped(`${head}: ${row.help}`, "  ")}\n${labels.map((line) => wrapped(line.trimEnd(), "    ")).join("\n")}${labels.length > 0 ? "\n" : ""}`;
      })
      .join("");
  return `# Metrics

\`npm run docs\` generates this page from the tables \`coreInstruments\` and \`processInstruments\` of the code. A test fails when they differ.
How to scrape them, and what the gateway promises about them, is in [Metrics for Prometheus](protocol/metrics.md).

- A counter grows from 0 while a process lives; use \`rate()\` or \`increase()\`.
- A gauge is read when the metrics are scraped.
- A histogram has \`_bucket\`, \`_sum\` and \`_count\`. One that is marked *now* holds what is the case at the scrape, so its counts also fall: use
  it without \`rate()\`.
- With \`--workers\`, every sample has the label \`worker\`. A sum over it is the gateway of one machine.
- A label never holds a user, a session, a channel or an id. Where its values come from outside, their number is bounded, and all further
  ones are \`other\`.

## Node

${rows(node)}
## Process

${rows(process)}`;
}

/** @type {Record<string, string>} */
const metricTypes = {
  counter: "counter",
  gauge: "gauge",
  gauges: "gauge",
  histogram: "histogram",
  distribution: "histogram, now",
};

/** @param {MetricRow} row */
function labelsOf({ label, values, labels = [] }) {
  /** @type {readonly (readonly [string, readonly string[] | { most: number } | undefined])[]} */
  const all = label === undefined ? labels : [[label, values]];
  return all.map(([name, values]) => {
    if (values === undefined) return `label \`${name}\``;
    if ("most" in values) return `label \`${name}\`: at most ${values.most} values, then \`other\``;
    const shown = values.length > 20 ? "an [error code](errors.md)" : values.join(", ");
    return `label \`${name}\`: ${shown}`;
  });
}

/**
 * The text in lines of at most 140 characters.
 *
 * @param {string} text
 * @param {string} indent
 */
function wrapped(text, indent) {
  /** @type {string[]} */
  const lines = [];
  let line = "";
  for (const word of text.split(/(?<=\S) /)) {
    if (line !== "" && line.length + 1 + word.length > 140) {
      lines.push(line);
      line = indent + word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
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
  const { coreInstruments } = await import(new URL("packages/core/dist/index.js", root).href);
  const { processInstruments } = await import(
    new URL("packages/server/dist/metrics/process-instruments.js", root).href
  );
  const tables = { node: coreInstruments, process: processInstruments };
  writeFileSync(new URL("docs/metrics.md", root), metricsDocument(tables));
}
