import { chmodSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endWithParents, removeWithThisProcess } from "../packages/redis/src/testing/watchdog.ts";

/**
 * Prepares a run of vitest: it ends with the npm that started it, and its temporary folder ends with it, however
 * it ends.
 */
export function setup(): void {
  endWithParents();
  const folder = mkdtempSync(join(tmpdir(), "milepost-test-"));
  removeWithThisProcess(folder);
  // Tests that give up root's privileges still reach their own folders below it.
  chmodSync(folder, 0o711);
  // The processes that run the tests inherit this, and so do the programs that they start.
  process.env.TMPDIR = folder;
}
