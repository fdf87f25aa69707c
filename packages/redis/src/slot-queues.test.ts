import { SeededRandom } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import { type SlotMap, SlotQueues } from "./slot-queues.ts";

const slot = 7;

/** Call that a fake master has received and not answered yet. */
interface Received {
  readonly name: number;
  readonly resolve: (answer: number) => void;
  readonly reject: (error: unknown) => void;
}

/** Fake master that answers its calls one at a time, oldest first, when a test calls `answer`. */
class FakeMaster {
  readonly received: Received[] = [];
  readonly #cluster: FakeCluster;
  readonly #address: string;

  constructor(cluster: FakeCluster, address: string) {
    this.#cluster = cluster;
    this.#address = address;
  }

  get names(): number[] {
    return this.received.map(({ name }) => name);
  }

  call(name: number): Promise<number> {
    return new Promise((resolve, reject) => this.received.push({ name, resolve, reject }));
  }

  /** Runs the oldest call, or redirects the call when another master owns the slot. */
  answer(): void {
    const { owner, ran } = this.#cluster;
    const call = this.received.shift();
    if (call === undefined) return;
    if (owner === this) {
      ran.push(call.name);
      call.resolve(call.name);
    } else call.reject(refusal(`MOVED ${slot} ${owner.#address}`));
  }

  /** Refuses the oldest call with an error reply. */
  refuse(reply: string): void {
    this.received.shift()?.reject(refusal(reply));
  }

  /** Breaks the connection to this master: all unanswered calls fail. */
  breakDown(): void {
    for (const { reject } of this.received.splice(0)) reject(new Error("Redis did not answer"));
  }
}

/** Fake cluster in which one slot moves. It is also the map that the queues ask for the slot's owner. */
class FakeCluster implements SlotMap<FakeMaster> {
  readonly masters = [0, 1, 2].map((i) => new FakeMaster(this, `127.0.0.1:${7000 + i}`)) as [
    FakeMaster,
    FakeMaster,
    FakeMaster,
  ];
  owner = this.masters[0];
  /** Owner of the slot according to the map that was read last. */
  known: FakeMaster | undefined = this.owner;
  /** Names of the calls that were run, in order. */
  readonly ran: number[] = [];
  #following: { resolve: () => void; reject: (error: unknown) => void }[] = [];

  masterOf(): FakeMaster | undefined {
    return this.known;
  }

  follow(): Promise<void> {
    return new Promise((resolve, reject) => this.#following.push({ resolve, reject }));
  }

  /** Completes a read of the map: updates the known owner, and resolves every pending `follow`. */
  readMap(): void {
    this.known = this.owner;
    for (const { resolve } of this.#following.splice(0)) resolve();
  }

  failMap(): void {
    for (const { reject } of this.#following.splice(0)) reject(new Error("no node answers"));
  }
}

function openQueues(maxWaiting?: number) {
  const cluster = new FakeCluster();
  const queues = new SlotQueues<FakeMaster>(cluster, maxWaiting);
  let calls = 0;
  /** Makes the next call. Its name and its answer are its number, from 1. */
  const call = (): Promise<number> => {
    const name = ++calls;
    return queues.run(slot, (master) => master.call(name));
  };
  return { cluster, masters: cluster.masters, queues, call };
}

function refusal(reply: string): Error {
  return new Error("Redis refused it", { cause: new Error(reply) });
}

/** Resolves once all promise reactions that can run have run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("the queues of a cluster's slots", () => {
  test("[G3] calls of one slot are sent to its master without waiting for answers", async () => {
    const { masters, call } = openQueues();
    const calls = [call(), call(), call()];
    expect(masters[0].names).toEqual([1, 2, 3]);
    for (const _ of calls) masters[0].answer();
    expect(await Promise.all(calls)).toEqual([1, 2, 3]);
  });

  test("[G3] a call for a new owner waits until the old master has answered every earlier call", async () => {
    const { cluster, masters, call } = openQueues();
    const first = [call(), call()];
    cluster.owner = masters[1];
    cluster.readMap();
    const later = [call(), call()];
    masters[0].answer();
    await settled();
    cluster.readMap();
    await settled();
    expect(masters[1].names).toEqual([]);
    masters[0].answer();
    await settled();
    cluster.readMap();
    await settled();
    expect(masters[1].names).toEqual([1, 2, 3, 4]);
    for (let i = 0; i < 4; i++) masters[1].answer();
    expect(await Promise.all([...first, ...later])).toEqual([1, 2, 3, 4]);
    expect(cluster.ran).toEqual([1, 2, 3, 4]);
  });

  test("[G3] a call for a new owner is sent once the old master has run the earlier ones", async () => {
    const { cluster, masters, call } = openQueues();
    void call();
    cluster.known = masters[1];
    void call();
    masters[0].answer();
    await settled();
    expect(cluster.ran).toEqual([1]);
    expect(masters[1].names).toEqual([2]);
  });

  test("[G6] a call for a new owner is sent when the connection to the old master has failed", async () => {
    const { cluster, masters, call } = openQueues();
    const owed = call().catch((error: Error) => error.message);
    cluster.owner = masters[1];
    cluster.readMap();
    const later = call();
    masters[0].breakDown();
    expect(await owed).toBe("Redis did not answer");
    await settled();
    masters[1].answer();
    expect(await later).toBe(2);
  });

  test("calls of other slots do not wait for a slot that moves", async () => {
    const { cluster, masters, queues, call } = openQueues();
    void call();
    cluster.owner = masters[1];
    cluster.readMap();
    void call();
    void queues.run(slot + 1, (master) => master.call(100));
    expect(masters[1].names).toEqual([100]);
  });

  test("[G3] calls that wait through two moves in a row go to the last owner, in order", async () => {
    const { cluster, masters, call } = openQueues();
    void call();
    for (const owner of [masters[1], masters[2]]) {
      cluster.owner = owner;
      cluster.readMap();
      void call();
    }
    masters[0].answer();
    await settled();
    cluster.readMap();
    await settled();
    expect(masters[1].names).toEqual([]);
    expect(masters[2].names).toEqual([1, 2, 3]);
  });

  test("[G3] calls that several masters redirect one after the other keep their order", async () => {
    const { cluster, masters, call } = openQueues();
    for (let i = 0; i < 3; i++) void call();
    for (const [old, next] of [
      [masters[0], masters[1]],
      [masters[1], masters[2]],
      [masters[2], masters[0]],
    ] as const) {
      cluster.owner = next;
      for (let i = 0; i < 3; i++) old.answer();
      await settled();
      cluster.readMap();
      await settled();
      expect(next.names).toEqual([1, 2, 3]);
    }
  });

  test("a call that is redirected more than five times is rejected, and the next call is sent", async () => {
    const { cluster, masters, call } = openQueues();
    const lost = call().catch((error: Error) => error.message);
    let isLost = false;
    void lost.then(() => {
      isLost = true;
    });
    void call();
    cluster.owner = masters[1];
    while (!isLost) {
      masters[0].answer();
      await settled();
      // Every map that is read names the old master again.
      cluster.readMap();
      cluster.known = masters[0];
      await settled();
    }
    expect(await lost).toBe("Redis refused it");
    cluster.owner = masters[0];
    masters[0].answer();
    await settled();
    expect(cluster.ran).toEqual([2]);
  });

  test("a call that Redis answers with ASK is rejected, and a later call of the slot follows its MOVED redirect", async () => {
    const { cluster, masters, call } = openQueues();
    const asked = call().catch((error: Error) => error.message);
    const moved = call();
    masters[0].refuse(`ASK ${slot} 127.0.0.1:7001`);
    expect(await asked).toBe("Redis refused it");
    cluster.owner = masters[1];
    masters[0].answer();
    await settled();
    cluster.readMap();
    await settled();
    masters[1].answer();
    expect(await moved).toBe(2);
  });

  test("[G3] a redirected call is rejected if the slot moved back and a later call of the slot has already run", async () => {
    const { cluster, masters, call } = openQueues();
    const early = call().catch((error: { code: string }) => error.code);
    const late = call();
    cluster.owner = masters[1];
    masters[0].answer();
    cluster.owner = masters[0];
    masters[0].answer();
    await settled();
    cluster.readMap();
    expect(await early).toBe("store_unavailable");
    expect(await late).toBe(2);
    expect(cluster.ran).toEqual([2]);
    void call();
    expect(masters[0].names).toEqual([3]);
  });

  test("a redirected call is rejected when no map can be read, and later calls are still sent", async () => {
    const { cluster, masters, call } = openQueues();
    const redirected = call().catch((error: { code: string }) => error.code);
    cluster.owner = masters[1];
    masters[0].answer();
    await settled();
    void call();
    expect(masters[0].names).toEqual([]);
    cluster.failMap();
    expect(await redirected).toBe("store_unavailable");
    await settled();
    expect(masters[0].names).toEqual([2]);
  });

  test("calls of a slot without a master are rejected, including calls that already wait", async () => {
    const { cluster, masters, call } = openQueues();
    void call();
    cluster.known = masters[1];
    const waiting = call().catch((error: { code: string }) => error.code);
    cluster.known = undefined;
    masters[0].answer();
    expect(await waiting).toBe("store_unavailable");
    await expect(call()).rejects.toMatchObject({ code: "store_unavailable" });
  });

  test("calls beyond the maximum number of waiting calls are rejected until the waiting calls are sent", async () => {
    const { cluster, masters, call } = openQueues(2);
    void call();
    cluster.known = masters[1];
    void call();
    void call();
    await expect(call()).rejects.toMatchObject({ code: "store_unavailable" });
    masters[0].answer();
    await settled();
    expect(masters[1].names).toEqual([2, 3]);
    cluster.known = masters[0];
    void call();
    await expect(Promise.race([call(), settled()])).resolves.toBeUndefined();
  });

  test("[G3] answered calls run in order under random moves, map reads and broken connections, over 200 seeds", async () => {
    let count = 0;
    for (let seed = 0; seed < 200; seed++) {
      const ran = await namesRun(new SeededRandom(seed));
      count += ran.length;
      const inOrder = [...ran].sort((a, b) => a - b);
      expect(ran, `seed ${seed}`).toEqual(inOrder);
    }
    expect(count).toBeGreaterThan(10_000);
  });
});

/**
 * Makes calls while answers, moves, reads of the map and failures happen at random. Resolves with the names of
 * the answered calls, in the order in which they ran.
 */
async function namesRun(random: SeededRandom): Promise<number[]> {
  const pick = <T>(from: readonly T[]) => from[Math.floor(random.fraction() * from.length)] as T;
  const { cluster, masters, call } = openQueues();
  const answered = new Set<number>();
  let made = 0;
  let ended = 0;
  const actions = {
    call: () => {
      made++;
      call()
        .then(
          (name) => answered.add(name),
          () => {},
        )
        .finally(() => ended++);
    },
    answer: () => pick(masters).answer(),
    move: () => {
      cluster.owner = pick(masters);
    },
    readMap: () => cluster.readMap(),
    failMap: () => cluster.failMap(),
    breakDown: () => pick(masters).breakDown(),
  };
  const often = ["call", "answer", "answer", "answer", "readMap"] as const;
  const seldom = ["move", "move", "move", "failMap", "breakDown"] as const;
  for (let step = 0; step < 500; step++) {
    actions[pick(random.fraction() < 0.9 ? often : seldom)]();
    if (random.fraction() < 0.5) await settled();
  }
  while (ended < made) {
    cluster.readMap();
    for (const master of masters) master.answer();
    await settled();
  }
  return cluster.ran.filter((name) => answered.has(name));
}
