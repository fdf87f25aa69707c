import type { Registry, RegistryChange } from "@milepost/engine";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import type { ConnectedClient } from "../connection/connected-client.ts";
import { ConnectionRegistration } from "./connection-registration.ts";

function connection(id: string, isRegistered = true): ConnectedClient {
  return {
    ...{ id, isRegistered, since: 0, consumer: "websocket", principal: undefined },
  } as unknown as ConnectedClient;
}

/** Registration of a node with these connections, and what it told the registry. */
function registering(...connections: ConnectedClient[]) {
  const clock = new ManualClock();
  const told: string[] = [];
  const errors: unknown[] = [];
  const world = { isDown: false, isNew: false };
  const registry = {
    async refresh({ id }: { id: string }, ttlMs: number) {
      told.push(`refresh ${id.length > 0} ${ttlMs}`);
      const { isNew } = world;
      world.isNew = false;
      return { nodes: [], isNew };
    },
    async change(_: string, { enter, leave }: RegistryChange) {
      if (world.isDown) throw new Error("the registry is down");
      const ids = (list: readonly { id: string }[]) => list.map(({ id }) => id).join(",");
      told.push(`+${ids(enter)} -${ids(leave)}`);
    },
    async leave(id: string) {
      told.push(`leave ${id.length > 0}`);
    },
  } as unknown as Registry;
  const registration = new ConnectionRegistration({
    node: "n",
    registry,
    connections: { size: connections.length, all: connections },
    clock,
    random: new SeededRandom(),
    onError: (error) => errors.push(error),
  });
  const takeTold = async () => {
    await clock.settle();
    return told.splice(0);
  };
  return { clock, registration, world, errors, takeTold };
}

describe("the registration of a node's connections", () => {
  test("[C8] the registry receives only the last change of a connection within a tick", async () => {
    const { registration, takeTold } = registering();
    const [a, b] = [connection("a"), connection("b")];
    registration.enter(a);
    registration.leave(a);
    registration.leave(b);
    registration.enter(b);
    expect(await takeTold()).toEqual(["+b -a"]);
  });

  test("[G8] changes that the registry did not accept are sent again with the next change, unless a newer one replaced them", async () => {
    const { registration, world, errors, takeTold } = registering();
    const [a, b, c] = [connection("a"), connection("b"), connection("c")];
    world.isDown = true;
    registration.enter(a);
    registration.leave(b);
    registration.enter(c);
    expect(await takeTold()).toEqual([]);
    expect(errors).toHaveLength(1);
    const sending = registration.settle();
    // These happen while the change is on its way.
    registration.leave(a);
    registration.enter(b);
    await sending;
    world.isDown = false;
    await registration.settle();
    expect(await takeTold()).toEqual(["+b,c -a"]);
  });

  test("[G8] each refresh keeps the node for ten seconds and enters some of its connections again", async () => {
    const all = Array.from({ length: 901 }, (_, n) => connection(`c${n}`, n !== 1));
    const { registration, takeTold } = registering(...all);
    await registration.refresh();
    expect(await takeTold()).toEqual(["refresh true 10000", "+c0 -"]);
    await registration.refresh();
    expect(await takeTold()).toEqual(["refresh true 10000", "+c2,c3 -"]);
  });

  test("[G8] a node that the registry has forgotten takes another name, releases its old one and enters all of its connections again", async () => {
    const { registration, world, takeTold } = registering(connection("a"), connection("b"));
    await registration.refresh();
    await takeTold();
    registration.leave(connection("gone"));
    world.isNew = true;
    await registration.refresh();
    expect(await takeTold()).toEqual([
      "refresh true 10000",
      "leave true",
      "refresh true 10000",
      "+a,b -",
    ]);
  });

  test("[C12] a node that stops releases its name, unless it was never registered", async () => {
    const known = registering();
    await known.registration.refresh();
    await known.takeTold();
    await known.registration.close();
    expect(await known.takeTold()).toEqual(["leave true"]);
    const unknown = registering();
    await unknown.registration.close();
    expect(await unknown.takeTold()).toEqual([]);
  });
});
