import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { root, workspaces } from "../workspaces.mjs";

/**
 * Copies the working tree, uncommitted changes included, into a folder of its own, and returns that folder. Modules from
 * outside are links to those of the tree; the workspaces are those of the copy.
 */
export function createWorkCopy() {
  const folder = mkdtempSync(join(tmpdir(), "milepost-mutate-"));
  const listed = spawnSync(
    "git",
    ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  if (listed.status !== 0) throw new Error("npm run mutate needs git, to know the project's files");
  for (const file of new Set(listed.stdout.split("\0"))) {
    const from = join(root, file);
    if (file === "" || !existsSync(from) || !lstatSync(from).isFile()) continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    copyFileSync(from, join(folder, file));
  }
  linkModules(folder);
  return folder;
}

/** @param {string} folder */
function linkModules(folder) {
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@milepost"), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules"))) {
    // Caches are each copy's own, and so are the workspaces.
    if (name.startsWith(".") && name !== ".bin") continue;
    if (name === "@milepost" || name === "milepost") continue;
    symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  for (const workspace of workspaces()) {
    symlinkSync(
      join(folder, relative(root, workspace.folder)),
      join(modules, workspace.manifest.name),
    );
  }
}

/** @param {string} folder */
export function removeWorkCopy(folder) {
  rmSync(folder, { recursive: true, force: true });
}
