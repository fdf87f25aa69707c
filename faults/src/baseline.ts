import { setTimeout as pause } from "node:timers/promises";
import { lastingKeys } from "@milepost/redis/testing";
import type { Gateway } from "./processes/gateway.ts";
import { openFiles } from "./processes/open-files.ts";
import type { Redis } from "./processes/redis.ts";

/** The gateways and their Redis, in which leftovers are looked for. */
export interface Remaining {
  readonly nodes: readonly { readonly gateway: Pick<Gateway, "pid" | "filesAtStart"> }[];
  readonly store: Redis;
}

/**
 * Time limit for the cleanup, in milliseconds: a dead node's lease (10 s), the sweep lease (8 s), a heartbeat
 * (2 s), idle HTTP connections, and a reserve for a busy machine.
 */
const deadlineMs = 40_000;

/**
 * Returns what remains after all clients have left the world, as soon as nothing remains or the time limit has
 * passed.
 */
export async function leftovers(world: Remaining): Promise<readonly string[]> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const left = [
      ...(await openedByNodes(world)),
      ...(await registered(world)),
      ...(await lastingKeys([world.store.port], "milepost")),
    ];
    if (left.length === 0 || performance.now() > deadline) return left;
    await pause(500);
  }
}

async function openedByNodes({ nodes }: Remaining): Promise<string[]> {
  const left: string[] = [];
  for (const [i, { gateway }] of nodes.entries()) {
    const files = await openFiles(gateway.pid);
    if (files <= gateway.filesAtStart) continue;
    left.push(`gateway ${i} has ${files} open files, but had ${gateway.filesAtStart} at its start`);
  }
  return left;
}

/** Returns what is wrong in the registry: a wrong number of nodes, or connections that remain. */
async function registered({ nodes, store }: Remaining): Promise<string[]> {
  const left: string[] = [];
  const [known] = await keysLike(store, "*:{nodes}:nodes");
  const listed = known === undefined ? 0 : Number(await store.command("HLEN", known));
  if (listed !== nodes.length)
    left.push(`the registry lists ${listed} nodes instead of ${nodes.length}`);
  const lists = await keysLike(store, "*}:connections");
  if (lists.length > 0) left.push(`the registry still lists connections in ${lists.join(", ")}`);
  return left;
}

async function keysLike(store: Redis, pattern: string): Promise<readonly string[]> {
  return (await store.command("KEYS", pattern)) as readonly string[];
}
