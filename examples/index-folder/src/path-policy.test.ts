import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { allowedFolder, isWithin } from "./path-policy.ts";

let parent: string;
let root: string;

beforeAll(async () => {
  parent = await realpath(await mkdtemp(join(tmpdir(), "milepost-paths-")));
  root = join(parent, "root");
  await mkdir(join(root, "docs", "deep"), { recursive: true });
  await mkdir(join(parent, "root-sibling"));
  await writeFile(join(root, "file.txt"), "text");
  await symlink(parent, join(root, "out"));
  await symlink(join(root, "docs"), join(root, "in"));
});

afterAll(() => rm(parent, { recursive: true, force: true }));

test("allowedFolder accepts the root itself and folders below it, relative or absolute", async () => {
  const docs = join(root, "docs");
  for (const path of ["docs", "./docs/", "docs/deep/..", docs, " docs "]) {
    await expect(allowedFolder(root, path)).resolves.toEqual({ absolute: docs, shown: "docs" });
  }
  for (const path of [".", "", root, "docs/.."]) {
    await expect(allowedFolder(root, path)).resolves.toEqual({ absolute: root, shown: "." });
  }
});

test("allowedFolder follows a link that stays inside the root", async () => {
  await expect(allowedFolder(root, "in")).resolves.toMatchObject({ shown: "docs" });
});

test("allowedFolder refuses a path outside the root, whether or not it exists", async () => {
  const outside = [
    "..",
    "../root-sibling",
    "docs/../../..",
    "/",
    "/etc",
    "/no/such/folder",
    "out",
    "out/root-sibling",
    "out/nothing/there",
    `${root}-sibling`,
  ];
  for (const path of outside) {
    await expect(allowedFolder(root, path), path).rejects.toMatchObject({ code: "forbidden" });
  }
});

test("allowedFolder says what does not exist and what is not a folder", async () => {
  await expect(allowedFolder(root, "nothing")).rejects.toMatchObject({
    code: "not_found",
    message: 'there is no folder "nothing"',
  });
  await expect(allowedFolder(root, "file.txt")).rejects.toMatchObject({ code: "bad_message" });
  for (const path of [null, 7, ["docs"], "do\0cs", "x".repeat(5_000)]) {
    await expect(allowedFolder(root, path)).rejects.toMatchObject({ code: "bad_message" });
  }
});

test("isWithin does not mistake a name that begins with dots for the parent folder", () => {
  expect(isWithin("/a", "/a/..b")).toBe(true);
  expect(isWithin("/a", "/ab")).toBe(false);
  expect(isWithin("/a", "/")).toBe(false);
  expect(isWithin("/", "/a")).toBe(true);
});
