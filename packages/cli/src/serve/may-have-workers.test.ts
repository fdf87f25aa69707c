import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mayHaveWorkers } from "./may-have-workers.ts";

test("[C12] workers are looked for in the flags, then in the environment, then in the file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "milepost-may-have-"));
  const file = join(folder, "settings.json");
  await writeFile(file, '{\n  // comment\n  "workers": 4\n}');
  expect(mayHaveWorkers({ flags: {} }, {})).toBe(false);
  expect(mayHaveWorkers({ flags: { workers: 2 } }, {})).toBe(true);
  expect(mayHaveWorkers({ flags: { workers: 1 }, file }, { MILEPOST_WORKERS: "3" })).toBe(false);
  expect(mayHaveWorkers({ flags: {} }, { MILEPOST_WORKERS: " 3 " })).toBe(true);
  expect(mayHaveWorkers({ flags: {}, file }, { MILEPOST_WORKERS: "1" })).toBe(false);
  expect(mayHaveWorkers({ flags: {}, file }, {})).toBe(true);
  expect(mayHaveWorkers({ flags: {} }, { MILEPOST_CONFIG: file })).toBe(true);
  await writeFile(file, '{ "port": 1 }');
  expect(mayHaveWorkers({ flags: {}, file }, {})).toBe(false);
  expect(mayHaveWorkers({ flags: {}, file: join(folder, "absent.json") }, {})).toBe(false);
  await rm(folder, { recursive: true });
});
