#!/usr/bin/env node
import { check } from "./check.ts";
import { readJournal } from "./read-journal.ts";

const [path, ...rest] = process.argv.slice(2);
if (path === undefined || rest.length > 0 || path.startsWith("-")) {
  process.stderr.write("usage: node checker/dist/main.js journal.ndjson\n");
  process.exit(2);
}
try {
  const records = await readJournal(path);
  const violations = check(records);
  for (const { id, says, line, t } of violations) {
    process.stdout.write(`${id} line ${line}, ${t} ms: ${says}\n`);
  }
  process.stdout.write(`${records.length} records, ${violations.length} violations\n`);
  process.exitCode = violations.length > 0 ? 1 : 0;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 2;
}
