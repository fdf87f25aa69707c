import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { serveOn } from "../testing/serve-on.ts";
import { runCommand } from "../testing/test-terminal.ts";

const root = await mkdtemp(join(tmpdir(), "milepost-backup-"));
afterAll(() => rm(root, { recursive: true }));

it("[P-DATA-11] a backup of a running gateway has what was acknowledged, and a restore brings it back to a stopped one", async () => {
  const folder = join(root, "data");
  const file = join(root, "backup.db");
  const publish = (env: Record<string, string>, text: string) =>
    runCommand(["publish", "chat:42", "message", JSON.stringify({ text })], env);
  const first = await serveOn(folder);
  await publish(first.env, "one");
  expect(await runCommand(["backup", file, "--data", folder])).toMatchObject({ code: 0 });
  await publish(first.env, "two");
  expect((await runCommand(["backup", file, "--data", folder])).err.join()).toMatch(/exists/);
  const early = await runCommand(["restore", file, "--data", folder]);
  expect(early).toMatchObject({ code: 3, err: [expect.stringMatching(/another gateway uses/)] });
  await first.stop();

  const bad = join(root, "bad.db");
  await writeFile(bad, "not a database at all, however long this text may be");
  expect((await runCommand(["restore", bad, "--data", folder])).code).not.toBe(0);
  expect(await runCommand(["restore", file, "--data", folder])).toMatchObject({ code: 0 });
  const second = await serveOn(folder);
  const tail = await runCommand(["tail", "chat:42", "--last", "5", "--count", "1"], second.env);
  expect(tail.out.join("\n")).toContain('{"text":"one"}');
  expect(tail.out.join("\n")).not.toContain('{"text":"two"}');
  const { out } = await runCommand(["doctor"], {
    ...second.env,
    MILEPOST_DATA: folder,
    MILEPOST_MEMORY: "",
  });
  expect(out.join("\n")).toMatch(/✓ store .*MiB.*1 entries.*largest chat:42/);
  await second.stop();
});
