import { spawnSync } from "node:child_process";
import { mkdtemp, rm, rmdir, statfs, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Child } from "../processes/child.ts";

const sizeMb = 512;
/** Disk in memory that can be filled. It exists in a mount namespace of its own, and is gone with this process. */
export class SmallDisk {
  /** Mount point of the disk, for those within its namespace only; everybody else sees an empty folder. */
  readonly folder: string;
  readonly #holder: Child;

  private constructor(folder: string, holder: Child) {
    this.folder = folder;
    this.#holder = holder;
  }

  /** Returns true if this process may make namespaces and mount a tmpfs in them. */
  static async isPossible(): Promise<boolean> {
    const folder = await mkdtemp(join(tmpdir(), "milepost-disk-"));
    const args = ["-m", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder];
    const { status } = spawnSync("unshare", args, { stdio: "ignore" });
    await rmdir(folder);
    return status === 0;
  }

  static async start(): Promise<SmallDisk> {
    const folder = await mkdtemp(join(tmpdir(), "milepost-disk-"));
    const script = `mount -t tmpfs -o size=${sizeMb}m tmpfs "$0" && echo mounted && exec sleep infinity`;
    const args = ["-m", "sh", "-c", script, folder];
    return new SmallDisk(folder, await Child.start({ file: "unshare", args, ready: /mounted/ }));
  }

  /** Program and arguments that start another program with this disk in sight. */
  get starter(): readonly string[] {
    return ["nsenter", `--mount=/proc/${this.#holder.pid}/ns/mnt`];
  }

  /** Fills the disk to its last byte; resolves with a function that frees it again. */
  async fill(): Promise<() => Promise<void>> {
    const ballast = join(`/proc/${this.#holder.pid}/root`, this.folder, "ballast");
    await writeFile(ballast, "");
    const block = Buffer.alloc(4_096);
    for (;;) {
      const { bavail, bsize } = await statfs(ballast);
      if (bavail === 0) break;
      await writeFile(ballast, Buffer.alloc(Math.min(bavail * bsize, 64 * 1_048_576)), {
        flag: "a",
      }).catch(() => {});
      await writeFile(ballast, block, { flag: "a" }).catch(() => {});
      await pause(1);
    }
    return async () => {
      await truncate(ballast, 0);
      await rm(ballast);
    };
  }

  async close(): Promise<void> {
    await this.#holder.end("SIGKILL");
    // The disk is gone with its namespace, so the folder is empty; anything else must not be removed.
    await rmdir(this.folder);
  }
}
