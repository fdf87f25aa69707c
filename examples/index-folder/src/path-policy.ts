import { realpath, stat } from "node:fs/promises";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { MilepostError } from "@milepost/protocol";

/** A folder that may be read. */
export interface AllowedFolder {
  /** Free of links. */
  readonly absolute: string;
  /** As people write it: relative to the root, `.` for the root itself. */
  readonly shown: string;
}

/** Whether `path` is `root` or below it; both absolute and free of links. */
export function isWithin(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/**
 * Finds the folder that a visitor asked for, given relative to `root` or absolute.
 *
 * Links are followed first, so that none leads out. `root` must be free of links. Rejects with
 * `bad_message` for what is no path or no folder, `forbidden` for what is not below the root (whether it
 * exists or not) and `not_found`.
 */
export async function allowedFolder(root: string, path: unknown): Promise<AllowedFolder> {
  if (typeof path !== "string" || path.includes("\0") || path.length > 4_096) {
    throw new MilepostError("bad_message", "path must be a text: the folder to index");
  }
  const wanted = resolve(root, path.trim() === "" ? "." : path.trim());
  if (!isWithin(root, wanted)) throw outside(root);
  let absolute: string;
  try {
    absolute = await realpath(wanted);
  } catch {
    if (!isWithin(root, await nearestFolder(wanted))) throw outside(root);
    throw new MilepostError("not_found", `there is no folder ${shownPath(root, wanted)}`);
  }
  if (!isWithin(root, absolute)) throw outside(root);
  if (!(await stat(absolute)).isDirectory()) {
    throw new MilepostError("bad_message", `${shownPath(root, absolute)} is not a folder`);
  }
  return { absolute, shown: shownPath(root, absolute) };
}

/** The nearest there is on the way up from a path that is not there. */
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
