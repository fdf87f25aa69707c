import { execFileSync } from "node:child_process";
import { type Dirent, existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../../", import.meta.url));

/** Returns the absolute path of a file of this project from its path below the project's root. */
export function pathOf(path: string): string {
  return `${root}${path}`;
}

/** Returns the text of a document of this project. */
export function documentText(path: string): string {
  return readFileSync(pathOf(path), "utf8");
}

/** Returns the paths of all Markdown documents that Git tracks or that are new and not ignored. */
export function documentPaths(): readonly string[] {
  const list = ["ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", "*.md"];
  const output = execFileSync("git", list, { cwd: root, encoding: "utf8" });
  const paths = new Set(output.split("\0").filter((path) => path !== ""));
  return [...paths].filter((path) => existsSync(pathOf(path))).toSorted();
}

/**
 * Returns the paths of the pages of the protocol: its index first, then the other pages in alphabetical order.
 */
export function protocolPages(): readonly string[] {
  const pages = readdirSync(`${root}docs/protocol`).filter((name) => name.endsWith(".md"));
  return ["docs/protocol.md", ...pages.toSorted().map((name) => `docs/protocol/${name}`)];
}

/**
 * Returns each id that the test files and contract suites of `folders` contain, with their paths. `id` matches an id
 * in brackets. Comments are ignored.
 */
export function namedInTests(id: RegExp, folders: readonly string[]): Map<string, string[]> {
  const named = new Map<string, string[]>();
  for (const file of folders.flatMap((folder) => testFiles(`${root}${folder}`))) {
    const code = readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => !/^\s*(\/\/|\/?\*)/.test(line));
    for (const [, name = ""] of code.join("\n").matchAll(id)) {
      named.set(name, [...(named.get(name) ?? []), file.slice(root.length)]);
    }
  }
  return named;
}

/** Returns the paths of the source files in these folders, without tests and their fixtures. */
export function productSources(folders: readonly string[]): readonly string[] {
  return folders
    .flatMap((folder) => filesIn(`${root}${folder}`))
    .map((path) => path.slice(root.length))
    .filter((path) => /\.tsx?$/.test(path) && !/\.test|\/testing\//.test(path));
}

function testFiles(folder: string): string[] {
  return filesIn(folder).filter((path) => /(?:\.test|-contract)\.tsx?$|\/test_\w+\.py$/.test(path));
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry: Dirent) => {
    const path = `${folder}/${entry.name}`;
    if (!entry.isDirectory()) return [path];
    return ["node_modules", "dist", ".venv"].includes(entry.name) ? [] : filesIn(path);
  });
}
