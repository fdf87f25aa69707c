import { FaultyEngine } from "@milepost/engine/testing";
import { parsePosition } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import type { Encoder } from "../send-queue/transport.ts";
import { type Received, type TestCore, TestSocket, testCore } from "../testing/index.ts";
import { positionCheckMs } from "./hub.ts";

const granted = { subscribe: "authenticated", publish: "granted" } as const;
const retention = { maxEntries: 1_000, maxAgeMs: 3_600_000 };
const rules = [
  { pattern: "few:*", ...granted, retention: { ...retention, maxEntries: 5 } },
  { pattern: "state:*", ...granted, retention, projection: { name: "latest" } },
  { pattern: "log:*", ...granted, retention },
] as const;

async function publishMany(
  t: TestCore,
  channel: string,
  from: number,
  to: number,
): Promise<string[]> {
  const positions: string[] = [];
  for (let n = from; n <= to; n++) positions.push((await t.publish(channel, "n", n)).position);
  await t.clock.settle();
  return positions;
}

/** Subscribes at a position, without waiting for the answer. */
function resume(t: TestCore, channel: string, since: unknown): TestSocket {
  const socket = t.connect({ principal: t.reader() });
  socket.send({ type: "subscribe", id: 1, channel, since });
  return socket;
}

async function live(t: TestCore, channel: string): Promise<TestSocket> {
  const socket = resume(t, channel, "now");
  await t.clock.settle();
  socket.take();
  return socket;
}

function numbers(messages: readonly Received[]): unknown[] {
  return messages.filter(({ type }) => type === "event").map(({ data }) => data);
}

function answerOf(messages: readonly Received[]): Received | undefined {
  return messages.find(({ type }) => type === "reply")?.result as Received | undefined;
}

function offset(position: unknown): number {
  const read = parsePosition(position);
  return read.ok ? read.value.offset : Number.NaN;
}

function upTo(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

describe("a node that still has the entries a reader missed", () => {
  test("[G4] [P-SUB-3] the node reads the log once for all readers that resume at the same time, from whichever position", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    await live(t, "log:a");
    const positions = await publishMany(t, "log:a", 1, 100);
    const before = faulty.reads;
    const sockets = positions.map((position) => resume(t, "log:a", position));
    await t.clock.settle();
    for (const [i, socket] of sockets.entries()) {
      const told = socket.take();
      expect(answerOf(told)).toMatchObject({ position: positions[i], recovered: true });
      expect(numbers(told)).toEqual(upTo(i + 2, 100));
    }
    expect(faulty.reads - before).toBe(1);
    await publishMany(t, "log:a", 101, 101);
    for (const socket of sockets) expect(numbers(socket.take())).toEqual([101]);
  });

  test("[G5] readers that resume while the log is being read wait for the next read, which all of them share", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    await live(t, "log:a");
    const [first] = await publishMany(t, "log:a", 1, 3);
    faulty.hold();
    const early = resume(t, "log:a", first);
    await t.clock.settle();
    const before = faulty.reads;
    // The bus of this node loses the fourth entry, so only the log can give it to those who resume now.
    faulty.loses = () => true;
    const [fourth] = await publishMany(t, "log:a", 4, 4);
    faulty.loses = () => false;
    const late = [first, first, fourth].map((position) => resume(t, "log:a", position));
    faulty.release();
    await t.clock.settle();
    expect(numbers(early.take())).toEqual([2, 3]);
    for (const [i, socket] of late.entries()) {
      const told = socket.take();
      expect(answerOf(told)).toMatchObject({ recovered: true });
      expect(numbers(told)).toEqual(i < 2 ? [2, 3, 4] : []);
    }
    // One read serves the two that resume from the first entry; the other serves the one whose entry this node
    // does not have.
    expect(faulty.reads - before).toBe(2);
  });

  test("[G4] [P-SUB-4] a resume from an entry that the log lost is not recovered, and live readers receive the gap at once", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const reader = await live(t, "log:a");
    const positions = await publishMany(t, "log:a", 1, 6);
    reader.take();
    await faulty.loseTail("log:a", 2);
    const [kept, lost, newest] = [positions[3], positions[4], positions[5]];
    const sockets = [kept, lost, newest].map((position) => resume(t, "log:a", position));
    await t.clock.settle();
    const told = sockets.map((socket) => socket.take());
    expect(answerOf(told[0] ?? [])).toMatchObject({ recovered: true });
    expect(numbers(told[0] ?? [])).toEqual([]);
    for (const messages of told.slice(1)) {
      expect(answerOf(messages)).toMatchObject({ recovered: false, reason: "tag_mismatch" });
      expect(numbers(messages)).toEqual([1, 2, 3, 4]);
    }
    expect(reader.take()[0]).toMatchObject({ type: "gap", from: newest, reason: "tag_mismatch" });
    await publishMany(t, "log:a", 7, 8);
    for (const socket of [...sockets, reader])
      expect(numbers(socket.take()).slice(-2)).toEqual([7, 8]);
  });

  test("[G4] a resume from an entry that the log lost is not recovered when the log has grown past it with other entries", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const reader = await live(t, "log:a");
    const positions = await publishMany(t, "log:a", 1, 6);
    reader.take();
    await faulty.loseTail("log:a", 2);
    faulty.loses = () => true;
    await publishMany(t, "log:a", 7, 10);
    faulty.loses = () => false;
    const [kept, lost] = [positions[3], positions[4]].map((position) =>
      resume(t, "log:a", position),
    );
    await t.clock.settle();
    const told = kept?.take() ?? [];
    expect(answerOf(told)).toMatchObject({ recovered: true });
    expect(numbers(told)).toEqual([7, 8, 9, 10]);
    expect(answerOf(lost?.take() ?? [])).toMatchObject({
      recovered: false,
      reason: "tag_mismatch",
    });
    expect(reader.take()[0]).toMatchObject({ type: "gap", from: positions[5] });
  });

  test("[G4] [P-SUB-4] a resume gives the reason trimmed when only the node still has the entries, and epoch_changed after a purge", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    await live(t, "few:a");
    await live(t, "log:a");
    const few = await publishMany(t, "few:a", 1, 10);
    const own = await publishMany(t, "log:a", 1, 3);
    const trimmed = [few[3], few[4]].map((position) => resume(t, "few:a", position));
    await t.clock.settle();
    expect(answerOf(trimmed[0]?.take() ?? [])).toMatchObject({
      recovered: false,
      reason: "trimmed",
    });
    expect(numbers(trimmed[1]?.take() ?? [])).toEqual([6, 7, 8, 9, 10]);
    faulty.hold();
    const purge = t.core.channels.purge(t.service, "log:a");
    const anew = resume(t, "log:a", own[1]);
    await t.clock.settle();
    faulty.release();
    await purge;
    await t.clock.settle();
    expect(answerOf(anew.take())).toMatchObject({ recovered: false, reason: "epoch_changed" });
  });

  test("[G4] a resume reads on to the head of the log when the bus has lost the newest entries", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    await live(t, "log:a");
    const [first] = await publishMany(t, "log:a", 1, 3);
    faulty.loses = () => true;
    await publishMany(t, "log:a", 4, 5);
    faulty.loses = () => false;
    const socket = resume(t, "log:a", first);
    await t.clock.settle();
    expect(numbers(socket.take())).toEqual([2, 3, 4, 5]);
    await publishMany(t, "log:a", 6, 6);
    expect(numbers(socket.take())).toEqual([6]);
  });

  test("[P-SUB-4] a resume from more than maxReplayEntries behind the head gives the reason limit", async () => {
    await using t = testCore({ rules, limits: { maxReplayEntries: 10 } });
    await live(t, "log:a");
    const positions = await publishMany(t, "log:a", 1, 20);
    const [far, near] = [positions[8], positions[9]].map((position) =>
      resume(t, "log:a", position),
    );
    await t.clock.settle();
    expect(answerOf(far?.take() ?? [])).toMatchObject({ recovered: false, reason: "limit" });
    expect(numbers(near?.take() ?? [])).toEqual(upTo(11, 20));
  });

  test("[G4] a resume is refused with store_unavailable while the store is down, although the node has the entries", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    await live(t, "log:a");
    const [first] = await publishMany(t, "log:a", 1, 3);
    faulty.isDown = true;
    const socket = resume(t, "log:a", first);
    await t.clock.settle();
    expect(socket.take()[1]).toMatchObject({ type: "reply", error: { code: "store_unavailable" } });
  });

  test("the node keeps entries that it read from the log for one reader, and sends them to the next readers too", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const positions = await publishMany(t, "log:a", 1, 20);
    const first = resume(t, "log:a", positions[4]);
    await t.clock.settle();
    const before = faulty.reads;
    const others = positions.slice(4).map((position) => resume(t, "log:a", position));
    await t.clock.settle();
    expect(faulty.reads - before).toBe(1);
    expect(numbers(others[0]?.take() ?? [])).toEqual(upTo(6, 20));
    // A reader further back makes the node read the log, which then serves the next readers too.
    resume(t, "log:a", positions[0]);
    await t.clock.settle();
    const again = faulty.reads;
    for (const position of [positions[0], positions[2]]) resume(t, "log:a", position);
    await t.clock.settle();
    expect(faulty.reads - again).toBe(1);
    first.drop();
  });
});

describe("a tail that is lost while a reader joins", () => {
  for (const since of ["now", "start"] as const) {
    test(`[G4] [G5] a reader with since ${since} receives a gap when the log loses its tail after the read and before its answer`, async () => {
      const faulty = new FaultyEngine();
      await using t = testCore({ rules, engine: faulty.factory });
      await publishMany(t, "log:a", 1, 6);
      faulty.hold();
      const socket = resume(t, "log:a", since);
      await t.clock.settle();
      await faulty.loseTail("log:a", 2);
      await publishMany(t, "log:a", 7, 9);
      faulty.release();
      await t.clock.settle();
      const told = socket.take();
      const gap = told.find(({ type }) => type === "gap");
      expect(gap).toMatchObject({ reason: "tag_mismatch" });
      expect(numbers(told).slice(-7)).toEqual([1, 2, 3, 4, 7, 8, 9]);
      await publishMany(t, "log:a", 10, 10);
      expect(numbers(socket.take())).toEqual([10]);
    });
  }

  test("[G4] [G5] a tail that the log loses during a join is detected at once, even if fewer new entries follow than were lost", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    await publishMany(t, "log:a", 1, 6);
    faulty.hold();
    const socket = resume(t, "log:a", "start");
    await t.clock.settle();
    await faulty.loseTail("log:a", 2);
    await publishMany(t, "log:a", 7, 7);
    faulty.release();
    await t.clock.settle();
    const told = socket.take();
    expect(told.find(({ type }) => type === "gap")).toMatchObject({ reason: "tag_mismatch" });
    expect(numbers(told).slice(-5)).toEqual([1, 2, 3, 4, 7]);
  });

  test("[G4] [G5] a reader that joins after the log lost its tail gets no lost entries, and live readers get the gap at once", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const before = await live(t, "log:a");
    const positions = await publishMany(t, "log:a", 1, 6);
    before.take();
    await faulty.loseTail("log:a", 2);
    const socket = resume(t, "log:a", "now");
    await t.clock.settle();
    const told = socket.take();
    expect(offset(answerOf(told)?.position)).toBe(4);
    expect(numbers(told)).toEqual([]);
    expect(before.take()[0]).toMatchObject({ type: "gap", from: positions[5] });
    await publishMany(t, "log:a", 7, 7);
    expect(numbers(socket.take())).toEqual([7]);
  });

  test("[G4] [G5] a reader whose log is purged while it joins receives a gap or a reset with epoch_changed", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    await publishMany(t, "log:a", 1, 3);
    await publishMany(t, "state:a", 1, 3);
    faulty.hold();
    const sockets = ["log:a", "state:a"].map((channel) => resume(t, channel, "start"));
    await t.clock.settle();
    const purges = ["log:a", "state:a"].map((channel) => t.core.channels.purge(t.service, channel));
    await publishMany(t, "log:a", 4, 5);
    await publishMany(t, "state:a", 4, 5);
    faulty.release();
    await Promise.all(purges);
    await t.clock.settle();
    const [log, state] = sockets.map((socket) => socket.take());
    expect(log?.find(({ type }) => type === "gap")).toMatchObject({ reason: "epoch_changed" });
    expect(numbers(log ?? []).slice(-2)).toEqual([4, 5]);
    expect(state?.find(({ type }) => type === "reset")).toMatchObject({ reason: "epoch_changed" });
    await publishMany(t, "log:a", 6, 6);
    await publishMany(t, "state:a", 6, 6);
    for (const socket of sockets) expect(numbers(socket.take())).toEqual([6]);
  });
});

describe("pages of a replay", () => {
  /** Wraps an encoder and records the number of entries of each batch it makes. */
  function counting(encoder: Encoder) {
    const batches: number[] = [];
    const own: Encoder = {
      ...encoder,
      encodeBatch: (publications, cursorOf) => {
        batches.push(publications.length);
        return encoder.encodeBatch(publications, cursorOf);
      },
    };
    return { batches, encoder: own };
  }

  function resumeBy(t: TestCore, encoder: Encoder, since: string | undefined): TestSocket {
    const socket = new TestSocket(encoder);
    socket.attach(t.core.connect(socket, { principal: t.reader() }));
    socket.send({ type: "subscribe", id: 1, channel: "log:a", since });
    return socket;
  }

  for (const dialect of ["json", "plain"] as const) {
    test(`pages in the ${dialect} dialect are encoded once for all readers that start at one position at about the same time`, async () => {
      await using t = testCore({ rules });
      const positions = await publishMany(t, "log:a", 1, 50);
      const { batches, encoder } = counting(t[dialect]);
      for (let turn = 0; turn < 3; turn++) {
        const sockets = upTo(1, 5).map(() => resumeBy(t, encoder, positions[9]));
        await t.clock.settle();
        for (const socket of sockets) {
          expect(socket.take().flatMap(({ data }) => data ?? [])).toEqual(upTo(11, 50));
          socket.drop();
        }
      }
      expect(batches).toEqual([40]);
      await t.clock.advance(3 * positionCheckMs);
      resumeBy(t, encoder, positions[9]);
      await t.clock.settle();
      expect(batches).toEqual([40, 40]);
    });
  }

  test("readers that replay from different positions share all encoded pages but their first", async () => {
    await using t = testCore({ rules });
    const positions = await publishMany(t, "log:a", 1, 256);
    const { batches, encoder } = counting(t.json);
    const sockets = positions.slice(0, 60).map((position) => resumeBy(t, encoder, position));
    await t.clock.settle();
    for (const [i, socket] of sockets.entries()) {
      expect(numbers(socket.take())).toEqual(upTo(i + 2, 256));
    }
    // The first page of each reader is its own; full pages of 64 entries are shared.
    const shared = batches.filter((length) => length === 64);
    expect(shared.length).toBe(3);
    expect(batches.length).toBeLessThanOrEqual(60 + 4);
  });

  test("[P-OUT-1] replayed entries wait for a slow reader without being encoded, so that they can be merged", async () => {
    await using t = testCore({ rules });
    const positions: string[] = [];
    const text = "x".repeat(60_000);
    for (let n = 0; n < 20; n++) {
      positions.push((await t.publish("log:a", "n", { n, text })).position);
    }
    const socket = t.connect({ principal: t.reader() });
    await t.clock.settle();
    socket.stall();
    socket.send({ type: "subscribe", id: 1, channel: "log:a", since: positions[0] });
    await t.clock.settle();
    expect(socket.bufferedBytes).toBeLessThan(600_000);
    socket.resume();
    await t.clock.settle();
    expect(numbers(socket.take()).length).toBe(19);
  });
});
