import { readdir } from "node:fs/promises";

/** Returns the number of files that a gateway has open, sockets included. */
export async function openFiles(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}
