import { io, type Socket } from "socket.io-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Studio, startStudio } from "./fixtures/studio.ts";

let studio: Studio;

beforeAll(async () => {
  studio = await startStudio({ STEP_MS: "60", PREVIEW_MS: "300" });
});

afterAll(async () => {
  await studio?.[Symbol.asyncDispose]();
});

/** A page of the design: it makes its own id, connects with the design's options, joins and listens. */
async function openPage(transports: string[]) {
  const userId = `user_${Date.now()}_${Math.random().toString(36).slice(2, 11)}`;
  const socket = io(studio.backend, {
    forceNew: true,
    reconnection: true,
    reconnectionAttempts: 5,
    reconnectionDelay: 1_000,
    transports,
    extraHeaders: { Origin: studio.url },
  });
  const seen: [string, Record<string, unknown>][] = [];
  const events = ["queue:position", "sync:progress", "preview:status", "generation:progress"];
  for (const event of [...events, "error", "notification"]) {
    socket.on(event, (data: Record<string, unknown>) => seen.push([event, data]));
  }
  socket.on("connect", () => socket.emit("client:join", { userId }));
  await new Promise<void>((resolve) => socket.once("milepost:ready", () => resolve()));
  const post = (path: string, body: object) =>
    fetch(`${studio.backend}${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-User-Id": userId },
      body: JSON.stringify(body),
    });
  return { socket, seen, post, stages: () => stagesOf(seen) };
}

function stagesOf(seen: readonly [string, Record<string, unknown>][]): unknown[] {
  return seen.flatMap(([event, { stage }]) => (event === "sync:progress" ? [stage] : []));
}

function cut(socket: Socket): void {
  socket.io.engine.close();
}

test.each([[["websocket", "polling"]], [["polling"]]])(
  "a page of socket.io-client over %s, which knows nothing of Milepost, sees each stage of its work in the studio and recovers when it is cut",
  async (transports) => {
    const page = await openPage(transports);
    const other = await openPage(transports);
    const generated = await page.post("/api/generate", { prompt: "a guide" });
    const { files } = (await generated.json()) as { files: object };
    expect(page.seen.map(([event]) => event)).toContain("generation:progress");
    expect((await page.post("/api/sync-chainlit", { files })).status).toBe(202);
    await expect.poll(page.stages).toContain("syncing");
    cut(page.socket);
    await expect.poll(page.stages, { timeout: 20_000 }).toContain("complete");
    expect(page.socket.recovered).toBe(true);
    expect([...new Set(page.stages())]).toEqual(["validating", "syncing", "launching", "complete"]);
    await expect
      .poll(
        () =>
          page.seen.flatMap(([event, { status }]) => (event === "preview:status" ? [status] : [])),
        {
          timeout: 20_000,
        },
      )
      .toContain("stopped");
    expect(other.seen).toEqual([]);
    page.socket.disconnect();
    other.socket.disconnect();
  },
);

test("a page of socket.io-client is told when the studio ends, and the studio ends cleanly", async () => {
  const page = await openPage(["websocket", "polling"]);
  const closed = new Promise((resolve) => page.socket.once("disconnect", resolve));
  expect(await studio.end("SIGTERM")).toBe(0);
  expect(await closed).toBe("transport close");
  expect(page.seen.map(([event]) => event)).toContain("notification");
  page.socket.disconnect();
});
