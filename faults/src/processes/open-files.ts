import { readdir } from "node:fs/promises";

/** How many files a gateway has open, sockets among them. */
export async function openFiles(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}
