import { decodeUpdate } from "yjs";

/** True for bytes that Yjs can read as an update. */
export function isUpdate(bytes: Uint8Array): boolean {
  try {
    decodeUpdate(bytes);
    return true;
  } catch {
    return false;
  }
}
