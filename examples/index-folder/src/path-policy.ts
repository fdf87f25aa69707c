import { realpath, stat } from "node:fs/promises";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { MilepostError } from "@milepost/protocol";

/** Folder that may be indexed. */
export interface AllowedFolder {
  /** Absolute path with all links resolved. */
  readonly absolute: string;
  /** Path as people see it: relative to the root, or `.` for the root itself. */
  readonly shown: string;
}

/** Returns true when `path` is `root` or below it; both must be absolute and have all links resolved. */
export function isWithin(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/**
 * Finds the folder that a visitor asked for, given relative to `root` or absolute.
 *
 * Links are resolved first, so that none leads outside. `root` must have all links resolved. Rejects with
 * `bad_message` when the path is invalid or not a folder, `forbidden` when it is outside the root (whether it
 * exists or not), and `not_found` when it does not exist.
 */
export async function allowedFolder(root: string, path: unknown): Promise<AllowedFolder> {
  if (typeof path !== "string" || path.includes("\0") || path.length > 4_096) {
    throw new MilepostError(
      "bad_message",
      "path must name the folder to index, as a string of at most 4096 characters without NUL",
    );
  }
  const wanted = resolve(root, path.trim() === "" ? "." : path.trim());
  if (!isWithin(root, wanted)) throw outside(root);
  let absolute: string;
  try {
    absolute = await realpath(wanted);
  } catch {
    if (!isWithin(root, await nearestFolder(wanted))) throw outside(root);
    throw new MilepostError("not_found", `there is no folder "${shownPath(root, wanted)}"`);
  }
  if (!isWithin(root, absolute)) throw outside(root);
  if (!(await stat(absolute)).isDirectory()) {
    throw new MilepostError("bad_message", `"${shownPath(root, absolute)}" is not a folder`);
  }
  return { absolute, shown: shownPath(root, absolute) };
}

/** Returns the nearest existing folder above a path that does not exist. */
async function nearestFolder(path: string): Promise<string> {
  const parent = dirname(path);
  return realpath(parent).catch(() => nearestFolder(parent));
}

function shownPath(root: string, path: string): string {
  const way = relative(root, path);
  return way === "" ? "." : way.split(sep).join("/");
}

function outside(root: string): MilepostError {
  return new MilepostError("forbidden", `only folders inside ${root} can be indexed`);
}
