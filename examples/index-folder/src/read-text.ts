import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** A file's text, or why there is none. */
export type ReadText =
  | { readonly ok: true; readonly text: string; readonly bytes: number }
  | { readonly ok: false; readonly why: string };

/** The largest file that is read. */
export const maxFileBytes = 1024 * 1024;
const binaryProbe = 8 * 1024;

/**
 * Reads a text file. One that cannot be opened, is no plain file, too large, binary or not UTF-8 is
 * refused with the reason, in words. A link is not followed: it could have been put there to lead elsewhere.
 */
export async function readText(path: string): Promise<ReadText> {
  try {
    // Without waiting: opening a pipe would wait for its other end.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { size } = await file.stat().then((stat) => {
        if (!stat.isFile()) throw new NotText("it is not a plain file");
        return stat;
      });
      if (size > maxFileBytes) {
        throw new NotText(`it has ${size} bytes; the limit is ${maxFileBytes}`);
      }
      return textOf(await file.readFile());
    } finally {
      await file.close();
    }
  } catch (thrown) {
    return { ok: false, why: reasonOf(thrown) };
  }
}

class NotText extends Error {}

function textOf(content: Buffer): ReadText {
  if (content.byteLength > maxFileBytes) throw new NotText("it grew beyond the limit");
  if (content.subarray(0, binaryProbe).includes(0)) throw new NotText("it is binary");
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(content);
    return { ok: true, text, bytes: content.byteLength };
  } catch {
    throw new NotText("it is not UTF-8 text");
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  ENOENT: "it disappeared",
  ELOOP: "it is a link",
  EISDIR: "it is a folder",
  ENXIO: "it is not a plain file",
};

function reasonOf(thrown: unknown): string {
  if (thrown instanceof NotText) return thrown.message;
  const code = (thrown as NodeJS.ErrnoException).code ?? "";
  return reasons[code] ?? `it cannot be read (${code || "unknown"})`;
}
