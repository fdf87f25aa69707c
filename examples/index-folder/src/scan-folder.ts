import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { MilepostError } from "@milepost/protocol";

/** Entry that a scan finds. */
export type Found =
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "skipped"; readonly path: string; readonly why: string };

/** Names of folders that are left out because they hold no files of the user's own. */
export const skippedFolders: ReadonlySet<string> = new Set([
  "node_modules",
  ".git",
  "dist",
  "coverage",
  ".tsbuild",
]);

/**
 * Yields everything below `root`, folder by folder and sorted by name. Paths are relative to `root`, with `/`.
 *
 * Links are not followed. A folder that cannot be read is skipped, and the scan continues. Only when `root`
 * itself cannot be read, it throws `not_found`.
 */
export async function* scanFolder(root: string): AsyncGenerator<Found> {
  const folders = [""];
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    yield { kind: "folder", path: folder === "" ? "." : folder };
    let entries: Awaited<ReturnType<typeof list>>;
    try {
      entries = await list(join(root, folder));
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      if (folder === "") {
        const gone = code === "ENOENT" || code === "ENOTDIR";
        const says = gone ? "the folder is no longer there" : `the folder cannot be read (${code})`;
        throw new MilepostError("not_found", says);
      }
      const why = code === "EACCES" ? "permission denied" : `it cannot be read (${code})`;
      yield { kind: "skipped", path: folder, why };
      continue;
    }
    const below: string[] = [];
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!skippedFolders.has(entry.name)) below.push(path);
      } else if (entry.isFile()) yield { kind: "file", path };
      else if (entry.isSymbolicLink()) yield { kind: "skipped", path, why: "it is a link" };
      else yield { kind: "skipped", path, why: "it is not a plain file" };
    }
    folders.unshift(...below);
  }
}

function list(folder: string) {
  return readdir(folder, { withFileTypes: true });
}
