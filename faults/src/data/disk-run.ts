import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  openSync,
  renameSync,
  rmSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { rules } from "../channels.ts";
import { freePort } from "../network/free-port.ts";
import { Gateway } from "../processes/gateway.ts";
import { Random } from "../random.ts";
import { type KillVerdict, runDisturbed } from "./kill-run.ts";

/** Size of the disk, in MiB. */
const diskMib = 48;
/** Longest time for which the disk stays broken, in milliseconds. */
const longestBreakMs = 1_500;
/** Time within which the gateway must say that it is degraded, and that it is healthy again, in milliseconds. */
const saysWithinMs = 10_000;
const block = Buffer.alloc(65_536, 1);

/** Result of a run: what readers and publishers saw, and how often each break was made. */
export interface DiskVerdict extends KillVerdict {
  readonly breaks: Readonly<Record<string, number>>;
}

/** Way in which a disk breaks. `degrades` is true where the gateway must notice even if nobody publishes. */
interface Break {
  readonly name: string;
  readonly degrades: boolean;
  readonly make: () => void;
  readonly mend: () => void;
}

/**
 * Breaks the disk of one gateway so many times, at moments that the seed chooses: it is full, or nearly so, or the file
 * is moved away. The gateway runs on, must say that it is degraded, and must heal by itself. The disk is a file system
 * in memory, so the run needs the right to mount one.
 */
export async function runDisk(times: number, seed: number): Promise<DiskVerdict> {
  const place = await mkdtemp(join(tmpdir(), "milepost-disk-"));
  const disk = join(place, "disk");
  await mkdir(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${diskMib}m`, "tmpfs", disk]);
  const random = new Random(seed);
  const config = join(place, "settings.json");
  await writeFile(config, JSON.stringify({ rules }));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let gateway: Gateway | undefined;
  const made: Record<string, number> = {};
  const silent: string[] = [];
  try {
    gateway = await Gateway.startOn(join(disk, "data"), port, config);
    const verdict = await runDisturbed(url, times, seed, async () => {
      const broken = random.pick(breaksOf(disk, random));
      made[broken.name] = (made[broken.name] ?? 0) + 1;
      broken.make();
      try {
        if (broken.degrades && !(await becomes(url, "degraded"))) {
          silent.push(`the gateway did not say that it is degraded: ${broken.name}`);
        }
        await pause(random.between(0, longestBreakMs));
      } finally {
        broken.mend();
      }
      if (!(await becomes(url, "healthy"))) silent.push(`the gateway did not heal: ${broken.name}`);
    });
    const accused = silent.map((says) => ({ id: "P-DATA-10", says, t: 0, line: 0 }));
    return { ...verdict, violations: [...accused, ...verdict.violations], breaks: made };
  } finally {
    await gateway?.kill();
    execFileSync("umount", ["-l", disk]);
    await rm(place, { recursive: true, force: true });
  }
}

function breaksOf(disk: string, random: Random): readonly Break[] {
  const filler = join(disk, "filler");
  const data = join(disk, "data", "milepost.db");
  const away = `${data}.away`;
  return [
    {
      name: "full",
      degrades: false,
      make: () => fill(filler, 0),
      mend: () => rmSync(filler, { force: true }),
    },
    {
      name: "nearly full",
      degrades: false,
      make: () => fill(filler, random.between(1, 40)),
      mend: () => rmSync(filler, { force: true }),
    },
    {
      name: "moved away",
      degrades: true,
      make: () => renameSync(data, away),
      mend: () => {
        if (existsSync(away)) renameSync(away, data);
      },
    },
  ];
}

/** Fills a disk but for some blocks of 4 KiB. */
function fill(path: string, freeBlocks: number): void {
  const descriptor = openSync(path, "w");
  let size = 0;
  try {
    for (;;) size += writeSync(descriptor, block);
  } catch {
    // The disk is full.
  }
  try {
    for (;;) size += writeSync(descriptor, block, 0, 4_096);
  } catch {
    // Now it is full to the last block.
  }
  closeSync(descriptor);
  truncateSync(path, Math.max(0, size - freeBlocks * 4_096));
}

/** Resolves with true once the gateway says that it has a status. */
async function becomes(url: string, status: string): Promise<boolean> {
  for (const until = Date.now() + saysWithinMs; Date.now() < until; await pause(50)) {
    const response = await fetch(`${url}/ws/health`).catch(() => undefined);
    const health = (await response?.json().catch(() => undefined)) as
      | { status?: string }
      | undefined;
    if (health?.status === status) return true;
  }
  return false;
}
