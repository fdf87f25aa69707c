import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Folder in which the packages of one commit are installed, as a deployment would have them. */
export interface PackedVersion {
  /** Short hash of the commit. */
  readonly name: string;
  /** Folder that holds `node_modules`. */
  readonly folder: string;
}

/**
 * Packs the packages of a commit, as a release does, and installs the tarballs in a folder of their own. It takes a minute or
 * two for the first time; the folder is kept for the next run. `HEAD` is the last commit, not the working tree.
 *
 * Throws an error with one line if the history lacks the commit, or if a step fails.
 */
export function packedVersion(commit: string, say: (line: string) => void): PackedVersion {
  const sha = resolve(commit);
  const name = sha.slice(0, 8);
  const base = join(tmpdir(), "milepost-versions");
  const folder = join(base, name);
  if (existsSync(join(folder, "node_modules"))) return { name, folder };
  say(`packs ${name} into ${folder}`);
  const source = join(base, `${name}-source`);
  const draft = join(base, `${name}-draft`);
  for (const path of [source, draft, folder]) rmSync(path, { recursive: true, force: true });
  for (const path of [source, draft]) mkdirSync(path, { recursive: true });
  run("sh", ["-c", `git archive ${sha} | tar -x -C "$0"`, source], root);
  run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], source);
  run("node", ["scripts/pack.mjs"], source);
  const tarballs = join(source, "tarballs");
  const files = readdirSync(tarballs).map((file) => join(tarballs, file));
  run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", ...files], draft);
  rmSync(source, { recursive: true });
  renameSync(draft, folder);
  return { name, folder };
}

function resolve(commit: string): string {
  try {
    const args = ["rev-parse", "--verify", "--quiet", `${commit}^{commit}`];
    return execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  } catch (cause) {
    throw new Error(
      `the history of this clone lacks the commit ${commit}; fetch it: git fetch --unshallow`,
      { cause },
    );
  }
}

function run(file: string, args: readonly string[], cwd: string): void {
  try {
    execFileSync(file, args, { cwd, stdio: ["ignore", "pipe", "pipe"], maxBuffer: 2 ** 26 });
  } catch (cause) {
    const { stderr, stdout } = cause as { stderr?: Buffer; stdout?: Buffer };
    const said = `${stdout ?? ""}\n${stderr ?? ""}`.trim().split("\n").slice(-15).join("\n");
    throw new Error(`${file} ${args[0] ?? ""} failed in ${cwd}:\n${said}`, { cause });
  }
}
