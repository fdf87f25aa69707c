import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { Child } from "./child.ts";

interface Methods {
  double(params: { value: number }): Promise<number>;
  fail(params: undefined): Promise<void>;
  end(params: undefined): Promise<void>;
  hang(params: undefined): Promise<void>;
}

const folder = mkdtempSync(join(tmpdir(), "milepost-bench-"));
afterAll(() => rmSync(folder, { recursive: true }));

const module = join(folder, "child.mjs");
writeFileSync(
  module,
  `process.on("message", ({ id, method, params }) => {
    if (method === "double") process.send({ id, result: params.value * 2 });
    if (method === "fail") process.send({ id, error: "it broke" });
    if (method === "end") process.exit(3);
  });`,
);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("a child answers each call with its own result, and disposing it ends its process", async () => {
  let pid = 0;
  {
    await using child = new Child<Methods>(pathToFileURL(module));
    pid = child.pid;
    const answers = [1, 2, 3].map((value) => child.call("double", { value }));
    expect(await Promise.all(answers)).toEqual([2, 4, 6]);
    expect(isAlive(pid)).toBe(true);
  }
  expect(isAlive(pid)).toBe(false);
});

test("a call of a method that fails rejects with the child's error", async () => {
  await using child = new Child<Methods>(pathToFileURL(module));
  await expect(child.call("fail", undefined)).rejects.toThrow("it broke");
});

test("a child that ends early rejects every open call and every later call", async () => {
  await using child = new Child<Methods>(pathToFileURL(module));
  const hanging = expect(child.call("hang", undefined)).rejects.toThrow("ended early (3)");
  await expect(child.call("end", undefined)).rejects.toThrow("ended early (3)");
  await hanging;
  await expect(child.call("double", { value: 1 })).rejects.toThrow();
});

test("a call that the child never answers rejects after its timeout", async () => {
  await using child = new Child<Methods>(pathToFileURL(module));
  await expect(child.call("hang", undefined, 1)).rejects.toThrow("longer than 1 ms");
});
