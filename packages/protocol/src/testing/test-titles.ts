import { execFileSync } from "node:child_process";
import { type Dirent, existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../../", import.meta.url));

/** The absolute path of a file of this project. */
export function pathOf(path: string): string {
  return `${root}${path}`;
}

/** Returns the text of a document of this project. */
export function documentText(path: string): string {
  return readFileSync(pathOf(path), "utf8");
}

/** Paths of every Markdown document that Git tracks, or would track. */
export function documentPaths(): readonly string[] {
  const list = ["ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", "*.md"];
  const output = execFileSync("git", list, { cwd: root, encoding: "utf8" });
  const paths = new Set(output.split("\0").filter((path) => path !== ""));
  return [...paths].filter((path) => existsSync(pathOf(path))).toSorted();
}

/** Paths of the normative protocol: its index, then every page, in alphabetical order. */
export function protocolPages(): readonly string[] {
  const pages = readdirSync(`${root}docs/protocol`).filter((name) => name.endsWith(".md"));
  return ["docs/protocol.md", ...pages.toSorted().map((name) => `docs/protocol/${name}`)];
}

/** Returns the test files of these folders that name each id in brackets. Comments do not count. */
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

/** Paths of the source files in these folders that are no tests and support none. */
export function productSources(folders: readonly string[]): readonly string[] {
  return folders
    .flatMap((folder) => filesIn(`${root}${folder}`))
    .map((path) => path.slice(root.length))
    .filter((path) => /\.tsx?$/.test(path) && !/\.test|\/testing\//.test(path));
}

function testFiles(folder: string): string[] {
  return filesIn(folder).filter((path) => /\.test\.tsx?$/.test(path));
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry: Dirent) => {
    const path = `${folder}/${entry.name}`;
    if (!entry.isDirectory()) return [path];
    return entry.name === "node_modules" || entry.name === "dist" ? [] : filesIn(path);
  });
}
