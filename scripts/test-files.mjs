import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "./workspaces.mjs";

/**
 * Unit tests that take more than about 5 s, start several Redis servers, or measure the memory of their process. They
 * are the vitest project `slow`. Unit tests in neither list are the project `unit`.
 */
export const slowTests = existing([
  "fuzz/src/fuzz.test.ts",
  "packages/core/src/hub/continuity.test.ts",
  "packages/core/src/operations/estimate-shares.test.ts",
  "packages/core/src/operations/step-estimates.test.ts",
  "packages/redis/src/cluster-link.test.ts",
  "packages/redis/src/create-cluster.test.ts",
  "packages/redis/src/durable-lost-tail.test.ts",
  "packages/redis/src/lost-tail.test.ts",
  "packages/redis/src/redis-engine.test.ts",
  "packages/redis/src/server-link.test.ts",
  "packages/redis/src/stream-source.test.ts",
  "packages/redis/src/takes-no-writes.test.ts",
  "packages/server/src/transports/websocket/slow-reader.test.ts",
  "packages/server/src/transports/websocket/thousand.test.ts",
  "sim/src/embedded-run.test.ts",
  "sim/src/simulation.test.ts",
]);

/**
 * Tests that read documents, style sheets or the code of other tests as files. No import leads from such a file to its
 * test, so a quick run includes them whatever has changed. They are the vitest project `documents`.
 */
export const documentTests = existing([
  "bench/src/figures/documented-figures.test.ts",
  "examples/index-folder/page/design/contrast.test.ts",
  "packages/protocol/src/documented-codes.test.ts",
  "packages/protocol/src/documented-decisions.test.ts",
  "packages/protocol/src/documented-designs.test.ts",
  "packages/protocol/src/documented-examples.test.ts",
  "packages/protocol/src/documented-file-maps.test.ts",
  "packages/protocol/src/documented-guarantees.test.ts",
  "packages/protocol/src/documented-links.test.ts",
  "packages/protocol/src/documented-requirements.test.ts",
  "packages/protocol/src/documented-rules.test.ts",
  "packages/protocol/src/documented-security.test.ts",
  "packages/react/src/status-panel-css.test.ts",
  "packages/server/src/metrics/documented-metrics.test.ts",
  "packages/server/src/metrics/monitoring.test.ts",
  "scripts/deploy/deploy-files.test.ts",
  "scripts/mutate/mutants.test.ts",
  "scripts/run-step.test.ts",
  "scripts/supply.test.ts",
  "scripts/vectors/vectors.test.ts",
]);

/**
 * The list itself, after a check that every entry is a file: a renamed test must not leave the list unnoticed.
 *
 * @param {string[]} files
 */
function existing(files) {
  const missing = files.filter((file) => !existsSync(join(root, file)));
  if (missing.length > 0) {
    throw new Error(`scripts/test-files.mjs lists files that do not exist: ${missing.join(", ")}`);
  }
  return files;
}
