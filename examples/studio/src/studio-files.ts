import { Refusal } from "./http-answer.ts";

/** One file of a visitor's project. */
export interface StudioFile {
  readonly name: string;
  readonly content: string;
}

const maxFiles = 20;
const nameForm = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$/;

/**
 * Reads the files of a request: a list of `{name, content}` (`path` is another name for `name`), or an object of contents
 * by name. Throws a {@link Refusal} that names the wrong file.
 */
export function readFiles(files: unknown): readonly StudioFile[] {
  const list: readonly unknown[] = Array.isArray(files)
    ? files
    : typeof files === "object" && files !== null
      ? Object.entries(files).map(([name, content]) => ({ name, content }))
      : typeof files === "string"
        ? [{ name: "app.py", content: files }]
        : [];
  if (list.length === 0) throw new Refusal(400, "files is missing: a list of {name, content}");
  if (list.length > maxFiles) throw new Refusal(400, `a project has ${maxFiles} files at most`);
  return list.map((file) => {
    const { name, path, content } = (file ?? {}) as Record<string, unknown>;
    const called = name ?? path;
    if (typeof called !== "string" || !nameForm.test(called)) {
      const shown = JSON.stringify(called)?.slice(0, 80);
      throw new Refusal(400, `${shown} is no name of a file: letters, digits, '_', '.' and '-'`);
    }
    if (typeof content !== "string")
      throw new Refusal(400, `the content of ${called} must be a text`);
    return { name: called, content };
  });
}
