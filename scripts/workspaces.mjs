import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's folder, without a slash at its end. */
export const root = fileURLToPath(new URL("..", import.meta.url)).replace(/[/\\]$/, "");

/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {boolean} [private]
 * @property {Record<string, string | { default: string }>} [exports]
 */

/**
 * @param {string} folder
 * @returns {any}
 */
function readManifest(folder) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

/**
 * Workspaces that the root's package.json names, each with its absolute folder and its package.json.
 *
 * @returns {{ folder: string, manifest: Manifest }[]}
 */
export function workspaces() {
  /** @type {string[]} */
  const patterns = readManifest(root).workspaces;
  return patterns
    .flatMap((pattern) => {
      if (!pattern.endsWith("/*")) return [join(root, pattern)];
      const parent = join(root, pattern.slice(0, -2));
      return readdirSync(parent).map((name) => join(parent, name));
    })
    .filter((folder) => existsSync(join(folder, "package.json")))
    .map((folder) => ({ folder, manifest: readManifest(folder) }));
}

/** Source file of every module that a workspace exports, by the name under which others import it. */
export function sourcesByName() {
  /** @type {Map<string, string>} */
  const sources = new Map();
  for (const { folder, manifest } of workspaces()) {
    for (const [subpath, target] of Object.entries(manifest.exports ?? {})) {
      if (typeof target === "string" || !target.default.endsWith(".js")) continue;
      const source = target.default.replace("./dist/", "src/").replace(/\.js$/, ".ts");
      sources.set(`${manifest.name}${subpath.slice(1)}`, join(folder, source));
    }
  }
  return sources;
}
