import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Children } from "./children.ts";
import { freePort } from "./free-port.ts";

/** Redis of the example: a process of its own, with an empty folder. */
export interface RedisProcess {
  readonly url: string;
  /** Removes the folder. The process itself ends with the other children. */
  forget(): Promise<void>;
}

/** Starts redis-server on a free port; returns undefined if this machine has none. */
export async function startRedis(
  children: Children,
  command: string,
): Promise<RedisProcess | undefined> {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), "milepost-collections-"));
  const forget = () => rm(folder, { recursive: true, force: true });
  const place = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder];
  try {
    const child = await children.start(command, [...place, "--save", "", "--appendonly", "no"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    for await (const chunk of child.stdout ?? []) {
      if (String(chunk).includes("Ready to accept connections")) break;
    }
    child.stdout?.resume();
    return { url: `redis://127.0.0.1:${port}`, forget };
  } catch (error) {
    await forget();
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
