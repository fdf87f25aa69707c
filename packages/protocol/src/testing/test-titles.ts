import { type Dirent, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../../", import.meta.url));

/** The text of a document of this project. */
export function documentText(path: string): string {
  return readFileSync(`${root}${path}`, "utf8");
}

/** Which test files of these folders name each id in brackets, comments not counted. */
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

function testFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry: Dirent) => {
    const path = `${folder}/${entry.name}`;
    if (!entry.isDirectory()) return /\.test\.tsx?$/.test(entry.name) ? [path] : [];
    return entry.name === "node_modules" || entry.name === "dist" ? [] : testFiles(path);
  });
}
