import { once } from "node:events";
import { readdirSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OperationState } from "@milepost/model";
import { createProducer, type Operation, type Step } from "@milepost/producer";
import { createGateway, type Gateway } from "@milepost/server";
import { expect, test } from "vitest";
import { indexFolder } from "./index-job.ts";
import { indexSteps } from "./index-steps.ts";
import { IndexStore } from "./index-store.ts";
import { maxFileBytes } from "./read-text.ts";
import { search } from "./search.ts";

/** Creates a folder to index, a store, and a real gateway with a producer and a worker. */
async function workshop(prepare: (op: Operation, gateway: Gateway) => Operation = (op) => op) {
  const parent = await mkdtemp(join(tmpdir(), "milepost-job-"));
  const folder = join(parent, "source");
  const indexes = join(parent, "indexes");
  await mkdir(folder);
  await mkdir(indexes);
  const gateway = createGateway({ auth: { tokenSecret: "s".repeat(32) } });
  const producer = createProducer({ gateway: gateway.operations });
  const store = new IndexStore(indexes);
  return {
    folder,
    indexes,
    gateway,
    store,
    worker: producer.worker({
      kind: "index-folder",
      steps: indexSteps,
      retryable: true,
      run: (op, source: string) =>
        indexFolder(prepare(op, gateway), { folder: source, pace: "full" }, store),
    }),
    async write(path: string, content: string | Buffer) {
      await mkdir(join(folder, path, ".."), { recursive: true });
      await writeFile(join(folder, path), content);
    },
    async [Symbol.asyncDispose]() {
      await producer.close();
      await gateway.close();
      await rm(parent, { recursive: true, force: true });
    },
  };
}

/** Waits until `holds` returns true for the operation's state, and checks after each turn of the event loop. */
async function until(
  gateway: Gateway,
  id: string,
  holds: (state: OperationState) => boolean,
): Promise<OperationState> {
  for (;;) {
    const found = await gateway.operations.get(id).catch(() => undefined);
    if (found && holds(found.operation)) return found.operation;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("a job indexes text files and warns about other files, and its index can be searched", async () => {
  await using shop = await workshop();
  await shop.write("readme.md", "Milepost pushes progress.\nProgress of long-running work.");
  await shop.write("src/deep/main.ts", "export const milepost = startDemo();\n");
  await shop.write("picture.png", Buffer.from([0x89, 0x50, 0, 1, 2]));
  await shop.write("latin1.txt", Buffer.from([0x66, 0xfc, 0x72]));
  await shop.write("huge.log", "x".repeat(maxFileBytes + 1));
  await shop.write("empty.txt", "");
  await shop.write("node_modules/left/pad.js", "milepost");
  await shop.write(".git/config", "milepost");
  await symlink("/etc/passwd", join(shop.folder, "link"));
  await symlink(join(shop.folder, ".."), join(shop.folder, "loop"));

  const { operationId, finished } = shop.worker.submit({ input: shop.folder });
  const outcome = await finished;
  expect(outcome).toMatchObject({
    status: "done",
    result: { files: 3, skipped: 5, bytes: 93, index: operationId },
  });
  const state = await until(shop.gateway, operationId, ({ status }) => status === "done");
  expect(state.steps.map(({ id, status }) => [id, status])).toEqual(
    indexSteps.map(({ id }) => [id, "done"]),
  );
  const warnings = state.log
    .filter(({ level }) => level === "warning")
    .map(({ message }) => message);
  expect(warnings.sort()).toEqual([
    `Skipped huge.log: it has ${maxFileBytes + 1} bytes; the limit is ${maxFileBytes}`,
    "Skipped latin1.txt: it is not UTF-8 text",
    "Skipped link: it is a link",
    "Skipped loop: it is a link",
    "Skipped picture.png: it is binary",
  ]);

  const index = await shop.store.open(operationId);
  if (!index) throw new Error("there is no index");
  expect(await search(index, "progress")).toEqual({
    total: 1,
    hits: [
      {
        path: "readme.md",
        line: 1,
        snippet: "Milepost pushes progress.",
        highlights: [[16, 24]],
      },
    ],
  });
  expect((await search(index, "MILEPOST demo")).hits.map(({ path }) => path)).toEqual([
    "src/deep/main.ts",
    "readme.md",
  ]);
  expect(await search(index, "passwd root absent !?")).toEqual({ hits: [], total: 0 });
  await expect(search(index, "x".repeat(201))).rejects.toMatchObject({ code: "bad_message" });
  await rm(join(shop.folder, "readme.md"));
  expect((await search(index, "progress")).hits).toMatchObject([
    { path: "readme.md", snippet: "" },
  ]);
});

/** Takes root's privileges from this process, so that file permissions apply; disposing restores them. */
function unprivileged(): Disposable {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  return {
    [Symbol.dispose]() {
      if (isRoot) process.seteuid?.(0);
    },
  };
}

test("a job warns about files and folders that it may not read, and continues", async () => {
  await using shop = await workshop();
  await shop.write("secret.txt", "word");
  await shop.write("closed/inside.txt", "word");
  await shop.write("open.txt", "word");
  await chmod(join(shop.folder, ".."), 0o755);
  await chmod(shop.indexes, 0o777);
  await chmod(join(shop.folder, "secret.txt"), 0);
  await chmod(join(shop.folder, "closed"), 0);
  {
    using _ = unprivileged();
    const { operationId, finished } = shop.worker.submit({ input: shop.folder });
    await expect(finished).resolves.toMatchObject({ result: { files: 1, skipped: 2 } });
    const { log } = await until(shop.gateway, operationId, ({ status }) => status === "done");
    expect(log.flatMap(({ message, level }) => (level === "warning" ? message : []))).toEqual([
      "Skipped closed: permission denied",
      "Skipped secret.txt: permission denied",
    ]);
  }
  await chmod(join(shop.folder, "closed"), 0o755);
});

test("a job skips a file that was removed or replaced by a link between scanning and reading", async () => {
  await using shop = await workshop((op) => ({
    ...op,
    step: (async (id: string, work: (step: Step) => unknown) => {
      if (id === "read") {
        await rm(join(shop.folder, "gone.txt"));
        await rm(join(shop.folder, "swapped.txt"));
        await symlink("/etc/passwd", join(shop.folder, "swapped.txt"));
      }
      return op.step(id, work);
    }) as Operation["step"],
  }));
  for (const path of ["gone.txt", "swapped.txt", "kept.txt"]) await shop.write(path, "word");
  const { operationId, finished } = shop.worker.submit({ input: shop.folder });
  await expect(finished).resolves.toMatchObject({ result: { files: 1, skipped: 2 } });
  const { log } = await until(shop.gateway, operationId, ({ status }) => status === "done");
  expect(log.flatMap(({ message, level }) => (level === "warning" ? message : []))).toEqual([
    "Skipped gone.txt: it disappeared",
    "Skipped swapped.txt: it is a link",
  ]);
});

/** Wraps an operation so that it is cancelled at the second checkpoint in `step`. */
function cancelledIn(step: string, op: Operation, gateway: Gateway): Operation {
  let current = "";
  let checkpoints = 0;
  return {
    ...op,
    step: ((id: string, work: (step: Step) => unknown) => {
      current = id;
      return op.step(id, work);
    }) as Operation["step"],
    async pausePoint() {
      if (current === step && ++checkpoints === 2) {
        await gateway.operations.command(op.id, { command: "cancel" });
        if (!op.signal.aborted) await once(op.signal, "abort");
      }
      return op.pausePoint();
    },
  };
}

test("a job cancelled in the middle of any step leaves nothing on disk, and a retry completes it", async () => {
  const steps = indexSteps.map(({ id }) => id);
  let left = steps;
  let partial: string[] = [];
  await using shop = await workshop((op, gateway) => {
    const [step, ...rest] = left;
    left = rest;
    op.signal.addEventListener("abort", () => {
      partial = readdirSync(shop.indexes);
    });
    return step === undefined ? op : cancelledIn(step, op, gateway);
  });
  for (let i = 0; i < 100; i++) {
    const words = Array.from({ length: 40 }, (_, at) => `word${i * 40 + at}`).join(" ");
    await shop.write(`folder${i % 20}/file${i}.txt`, words);
  }
  const { gateway, store, indexes } = shop;
  const { operationId } = shop.worker.submit({ input: shop.folder });
  for (const [at, step] of steps.entries()) {
    const ended = await until(
      gateway,
      operationId,
      ({ status, attempt }) => status === "cancelled" && attempt === at + 1,
    );
    expect(ended.steps.find(({ id }) => id === step)?.status).toBe("skipped");
    expect(partial).toEqual(step === "write" ? [`${operationId}.partial`] : []);
    expect(await readdir(indexes)).toEqual([]);
    expect(await store.open(operationId)).toBeUndefined();
    await gateway.operations.command(operationId, { command: "retry" });
  }
  const done = await until(gateway, operationId, ({ status }) => status === "done");
  expect(done).toMatchObject({ attempt: 6, percent: 100, result: { files: 100 } });
  const index = await store.open(operationId);
  expect(index && (await search(index, "word3777"))).toMatchObject({ total: 1 });
  expect(await readdir(indexes)).toEqual([operationId]);
});

test("a job fails while its folder is missing, and succeeds by a retry once the folder exists", async () => {
  await using shop = await workshop();
  const { operationId } = shop.worker.submit({ input: join(shop.folder, "later") });
  const first = await until(shop.gateway, operationId, ({ ended_at }) => ended_at !== undefined);
  expect(first).toMatchObject({
    status: "failed",
    error: { code: "not_found", retryable: true },
  });
  await shop.write("later/file.txt", "word");
  await shop.gateway.operations.command(operationId, { command: "retry" });
  const second = await until(shop.gateway, operationId, ({ status }) => status === "done");
  expect(second).toMatchObject({ attempt: 2, result: { files: 1 } });
});

test("a job pauses between two files and continues when it is resumed", async () => {
  await using shop = await workshop();
  for (let i = 0; i < 300; i++) await shop.write(`file${i}.txt`, `word${i}`);
  const { gateway } = shop;
  const { operationId } = shop.worker.submit({ input: shop.folder });
  await until(gateway, operationId, ({ current_step }) => current_step === "read");
  await gateway.operations.command(operationId, { command: "pause" });
  await until(gateway, operationId, ({ status }) => status === "paused");
  await gateway.operations.command(operationId, { command: "resume" });
  const done = await until(gateway, operationId, ({ status }) => status === "done");
  expect(done.commands.map(({ command, phase }) => [command, phase])).toEqual([
    ["pause", "done"],
    ["resume", "done"],
  ]);
});
