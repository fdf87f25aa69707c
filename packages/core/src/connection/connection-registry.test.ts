import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import type { AddressableClient } from "./connected-client.ts";
import { ConnectionRegistry } from "./connection-registry.ts";

function client(id: string): AddressableClient {
  return { id } as AddressableClient;
}

test("a connection is found by its id until it gives the id up", () => {
  const registry = new ConnectionRegistry();
  const one = client("a");
  registry.name("a", one);
  expect(registry.byId("a")).toBe(one);
  registry.unname("a", one);
  expect(registry.byId("a")).toBeUndefined();
});

test("[G5] a connection that ends does not take its id from the connection that continues it", () => {
  const registry = new ConnectionRegistry();
  const [before, after] = [client("a"), client("a")];
  registry.name("a", before);
  registry.name("a", after);
  registry.unname("a", before);
  expect(registry.byId("a")).toBe(after);
});

test("[C12] empty waits for every connection, also for those that only pass messages", async () => {
  const registry = new ConnectionRegistry();
  const [staying, passing] = [client("a"), client("b")];
  registry.add(staying);
  registry.add(passing, true);
  let isEmpty = false;
  const empty = registry.empty().then(() => {
    isEmpty = true;
  });
  registry.delete(staying);
  await setImmediate();
  expect(isEmpty).toBe(false);
  expect([...registry.all]).toEqual([passing]);
  registry.delete(passing);
  await empty;
  expect([...registry.all]).toEqual([]);
  await registry.empty();
});
