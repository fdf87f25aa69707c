import { existsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes a folder for the files of a test, in memory where the system has such a place. */
export function scratchFolder(): Promise<string> {
  const inMemory = "/dev/shm";
  return mkdtemp(join(existsSync(inMemory) ? inMemory : tmpdir(), "milepost-sqlite-"));
}
