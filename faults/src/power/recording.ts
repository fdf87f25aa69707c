import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Call that a process made on a file of the recorded folder. */
export type DiskEvent =
  /** A path was opened, and created if it did not exist. The path of the folder itself is empty. */
  | { readonly kind: "opened"; readonly at: bigint; readonly file: bigint; readonly path: string }
  | {
      readonly kind: "written";
      readonly at: bigint;
      readonly file: bigint;
      readonly offset: number;
      readonly data: Buffer;
    }
  | {
      readonly kind: "truncated";
      readonly at: bigint;
      readonly file: bigint;
      readonly size: number;
    }
  | { readonly kind: "renamed"; readonly at: bigint; readonly from: string; readonly to: string }
  | { readonly kind: "deleted"; readonly at: bigint; readonly path: string }
  | {
      readonly kind: "sync_begun" | "sync_ended";
      readonly at: bigint;
      readonly file: bigint;
      /** Number that a sync's begin and end share. */
      readonly sync: bigint;
    }
  /** A call whose effect the recorder does not see. */
  | { readonly kind: "unseen"; readonly at: bigint; readonly file: bigint; readonly call: string };

const source = fileURLToPath(new URL("../../src/power/recorder.c", import.meta.url));
const headBytes = 32;

/** Compiles the recorder, a library that is preloaded, to a file. Throws where there is no C compiler. */
export function compileRecorder(library: string): void {
  execFileSync("cc", ["-O2", "-shared", "-fPIC", "-o", library, source, "-ldl", "-lpthread"]);
}

/** Reads a recording. The last record is left out if the process was killed while it wrote it. */
export function readRecording(path: string): readonly DiskEvent[] {
  const all = readFileSync(path);
  const events: DiskEvent[] = [];
  for (let at = 0; at + headBytes <= all.length; ) {
    const length = all.readUInt32LE(at + 4);
    const end = at + headBytes + length;
    if (end > all.length) break;
    events.push(eventOf(all.subarray(at, at + headBytes), all.subarray(at + headBytes, end)));
    at = end;
  }
  return events;
}

function eventOf(head: Buffer, data: Buffer): DiskEvent {
  const at = head.readBigUInt64LE(8);
  const file = head.readBigUInt64LE(16);
  const number = head.readBigUInt64LE(24);
  const text = data.toString("utf8");
  switch (head.readUInt32LE(0)) {
    case 1:
      return { kind: "opened", at, file, path: text };
    case 2:
      return { kind: "written", at, file, offset: Number(number), data };
    case 3:
      return { kind: "truncated", at, file, size: Number(number) };
    case 4: {
      const [from = "", to = ""] = text.split("\n");
      return { kind: "renamed", at, from, to };
    }
    case 5:
      return { kind: "deleted", at, path: text };
    case 6:
      return { kind: "sync_begun", at, file, sync: number };
    case 7:
      return { kind: "sync_ended", at, file, sync: number };
    default:
      return { kind: "unseen", at, file, call: text };
  }
}
