import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeWithThisProcess } from "@milepost/redis/testing";
import { io } from "socket.io-client";
import { expect, test } from "vitest";
import { startStudio } from "./fixtures/studio.ts";

type Seen = readonly [event: string, data: Record<string, unknown>];

/** A page that shows what it is told of its synchronisation and its preview, through restarts of the studio. */
function openPage(backend: string, userId: string) {
  const socket = io(backend, { forceNew: true, reconnectionDelay: 100, reconnectionDelayMax: 200 });
  const seen: Seen[] = [];
  for (const event of ["sync:progress", "preview:status"]) {
    socket.on(event, (data: Record<string, unknown>) => seen.push([event, data]));
  }
  socket.on("connect", () => socket.emit("client:join", { userId }));
  const joined = new Promise<void>((resolve) => socket.once("milepost:ready", () => resolve()));
  const sync = async () => {
    const { status } = await fetch(`${backend}/api/sync-chainlit`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-User-Id": userId },
      body: JSON.stringify({ files: { "app.py": userId } }),
    });
    expect(status).toBe(202);
  };
  const previews = () =>
    seen.flatMap(([event, { status }]) => (event === "preview:status" ? [status] : []));
  const stage = () => seen.findLast(([event]) => event === "sync:progress")?.[1].stage;
  return { socket, joined, sync, previews, stage };
}

test("[G9] [P-QUE-14] the studio is killed while one visitor has the preview and two wait, and afterwards each gets it in turn", async () => {
  const folder = await mkdtemp(join(tmpdir(), "milepost-studio-"));
  removeWithThisProcess(folder);
  const env = { MILEPOST_MEMORY: "", STUDIO_DATA: folder, STEP_MS: "20", PREVIEW_MS: "60000" };
  const first = await startStudio(env);
  const pages = ["anna0001", "bodo0002", "cleo0003"].map((id) => openPage(first.backend, id));
  await Promise.all(pages.map(({ joined }) => joined));
  for (const { sync } of pages) await sync();
  const [holder, ...waiting] = pages;
  await expect.poll(() => holder?.previews().at(-1), { timeout: 20_000 }).toBe("ready");
  for (const { previews } of waiting) expect(previews()).toEqual([]);
  await first.end("SIGKILL");

  const { port } = new URL(first.backend);
  await using _second = await startStudio({ ...env, PREVIEW_MS: "50" }, Number(port));
  for (const { previews, stage } of pages) {
    await expect.poll(() => previews().at(-1), { timeout: 40_000 }).toBe("stopped");
    expect(stage()).toBe("complete");
  }
  // The one who had the preview was told of it twice; the others once, after each other.
  expect(holder?.previews()).toEqual(["starting", "ready", "starting", "ready", "stopped"]);
  for (const { previews } of waiting) {
    expect(previews()).toEqual(["starting", "ready", "stopped"]);
  }
  for (const { socket } of pages) socket.disconnect();
});
