import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Gateway, Redis, secrets } from "@milepost/faults";
import { afterAll, beforeAll, expect, test, vi } from "vitest";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "milepost-trees-"));
  await writeFile(join(folder, "gateway.json"), "{}");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** An operation of the tree, with what its children should make of it. */
interface Part {
  readonly id: string;
  readonly weight: number;
  readonly children: Part[];
  lease: string;
  percent: number;
}

function part(id: string, weight: number): Part {
  return { id, weight, children: [], lease: "", percent: 0 };
}

/** Returns the weighted mean that the parent of these children must show, computed apart from the gateway. */
function expected({ children, percent }: Part): number {
  if (children.length === 0) return percent;
  const weights = children.reduce((sum, { weight }) => sum + weight, 0);
  const hundredths = children.map((child) => child.weight * Math.round(expected(child) * 100));
  return Math.floor(hundredths.reduce((sum, each) => sum + each, 0) / weights) / 100;
}

/** Runs `work` for all items, 24 at a time. */
async function together<T>(items: readonly T[], work: (item: T, index: number) => Promise<void>) {
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < items.length; i = next++) await work(items[i] as T, i);
  };
  await Promise.all(Array.from({ length: 24 }, worker));
}

test.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined)(
  "[P-TREE-3] [P-TREE-6] [G8] 1,000 operations on three levels add up to their weighted mean after a gateway was killed while they reported",
  async () => {
    const redis = await Redis.start();
    const config = join(folder, "gateway.json");
    const at = `redis://127.0.0.1:${redis.port}`;
    const gateways = await Promise.all([1, 2, 3].map(() => Gateway.start(at, config)));
    let alive = gateways.map(({ url }) => url);
    /** Calls one gateway, and another one if it does not answer. */
    async function call(path: string, body: object | undefined, first: number) {
      for (let n = first; ; n++) {
        try {
          const response = await fetch(`${alive[n % alive.length]}/v1/${path}`, {
            method: body === undefined ? "GET" : "POST",
            headers: {
              authorization: `Bearer ${secrets.apiKey}`,
              "content-type": "application/json",
            },
            ...(body !== undefined && { body: JSON.stringify(body) }),
          });
          if (response.ok) return await response.json();
          expect(response.status).toBeGreaterThanOrEqual(500);
        } catch (error) {
          if (!(error instanceof TypeError) || n - first > 200) throw error;
        }
      }
    }
    const root = part("root", 1);
    const levels: Part[][] = [[root], [], [], []];
    const add = (parent: Part, level: number, count: number) => {
      for (let i = 0; i < count; i++) {
        const child = part(`${parent.id}-${i}`, 1 + (i % 5));
        parent.children.push(child);
        levels[level]?.push(child);
      }
    };
    add(root, 1, 10);
    for (const middle of levels[1] ?? []) add(middle, 2, 10);
    for (const low of levels[2] ?? []) add(low, 3, 9);
    for (const level of levels) {
      await together(level, async (one, i) => {
        const parent = one === root ? {} : { parent: one.id.replace(/-\d+$/, "") };
        const { id, weight } = one;
        const input = { kind: "k", operation_id: id, weight, lease_ms: 600_000, ...parent };
        one.lease = (await call("operations", input, i)).lease.token;
      });
    }
    const leaves = levels[3] ?? [];
    await together(leaves, async (leaf, i) => {
      if (i === leaves.length - 30) {
        // The first gateway sweeps. It has reported to no parent what its last calls have changed.
        const [victim] = gateways;
        alive = alive.filter((url) => url !== victim?.url);
        await victim?.kill();
      }
      leaf.percent = (i * 37) % 101;
      const event = { event: "progress", data: { percent: leaf.percent }, key: "p" };
      await call(`operations/${leaf.id}/events`, { lease: leaf.lease, events: [event] }, i);
    });
    const parents = levels.slice(0, 3).flat();
    await vi.waitFor(
      async () => {
        // The root comes first: while it is wrong, nothing else is asked.
        for (const parent of parents) {
          const { operation } = await call(`operations/${parent.id}`, undefined, 0);
          expect([parent.id, operation.percent]).toEqual([parent.id, expected(parent)]);
        }
      },
      { timeout: 30_000, interval: 200 },
    );
    await Promise.all([...gateways.map((gateway) => gateway.kill()), redis.close()]);
  },
  90_000,
);
