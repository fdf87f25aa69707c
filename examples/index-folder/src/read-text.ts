import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** Text of a file, or the reason why it cannot be used. */
export type ReadText =
  | { readonly ok: true; readonly text: string; readonly bytes: number }
  | { readonly ok: false; readonly why: string };

/** Size of the largest file that is read, in bytes. */
export const maxFileBytes = 1024 * 1024;
const binaryProbe = 8 * 1024;

/**
 * Reads a text file. A file that cannot be opened, is not a plain file, is too large, is binary or is not UTF-8
 * is refused with the reason in words. Links are not followed, because a link could lead outside the folder.
 */
export async function readText(path: string): Promise<ReadText> {
  try {
    // O_NONBLOCK keeps the open of a pipe from waiting for its other end.
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
