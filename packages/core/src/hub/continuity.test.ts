import { FaultyEngine, SeededRandom } from "@milepost/engine/testing";
import { parsePosition } from "@milepost/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Received, type TestCore, type TestSocket, testCore } from "../testing/index.ts";

const retention = { maxEntries: 30, maxAgeMs: 3_600_000 };
const granted = { subscribe: "authenticated", publish: "granted", retention } as const;
const rules = [
  { pattern: "log:*", ...granted },
  { pattern: "state:*", ...granted, projection: { name: "latest" } },
] as const;

const channels = ["log:a", "log:b", "state:a"];

/** Record of the entries that were stored, and of those that the log has since lost. */
class Stored {
  readonly data = new Map<string, unknown>();
  readonly lost = new Set<string>();
  /** Position of the entry before each stored entry, by `channel@position`. */
  readonly #before = new Map<string, string>();
  /** Position of the entry that the log has now at each offset, by channel, epoch and offset. */
  readonly #standing = new Map<string, string>();

  add(channel: string, position: string, data: unknown): void {
    const { epoch, offset } = place(position);
    const before = this.#standing.get(`${channel} ${epoch} ${offset - 1}`);
    if (before !== undefined) this.#before.set(`${channel}@${position}`, before);
    this.#standing.set(`${channel} ${epoch} ${offset}`, position);
    this.data.set(`${channel}@${position}`, data);
  }

  lose(channel: string, position: string): void {
    const { epoch, offset } = place(position);
    this.#standing.delete(`${channel} ${epoch} ${offset}`);
    this.lost.add(`${channel}@${position}`);
  }

  before(channel: string, position: string): string | undefined {
    return this.#before.get(`${channel}@${position}`);
  }
}

interface Place {
  readonly epoch: string;
  readonly offset: number;
}

/**
 * Client that keeps the messages it received and checks them: the very next entry must follow each position,
 * unless a gap or a reset comes in between.
 */
class Reader {
  readonly #t: TestCore;
  readonly #dialect: "json" | "plain";
  readonly #positions = new Map<string, string>();
  /** Data received at every position, to be compared with what was published there. */
  readonly seen = new Map<string, unknown>();
  readonly #stored: Stored;
  /** Channels whose resume position the log had already lost when this reader subscribed. */
  #gone = new Set<string>();
  socket: TestSocket;

  constructor(t: TestCore, dialect: "json" | "plain", stored: Stored) {
    this.#t = t;
    this.#dialect = dialect;
    this.#stored = stored;
    this.socket = this.#connect();
  }

  position(channel: string): string | undefined {
    return this.#positions.get(channel);
  }

  reconnect(): void {
    this.listen();
    this.socket.drop();
    this.socket = this.#connect();
  }

  /** Takes and checks the messages that arrived; connects again if the socket was closed as too slow. */
  listen(): void {
    for (const message of this.socket.take()) this.#judge(message);
    if (this.socket.closed !== undefined) {
      expect(this.socket.closed.code).toBe(4002);
      this.socket = this.#connect();
    }
  }

  #connect(): TestSocket {
    const socket = this.#t.connect({ principal: this.#t.user("ada") }, this.#dialect);
    this.#gone = new Set();
    for (const [id, channel] of channels.entries()) {
      const since = this.#positions.get(channel);
      if (this.#stored.lost.has(`${channel}@${since}`)) this.#gone.add(channel);
      socket.send({ type: "subscribe", id, channel, ...(since === undefined ? {} : { since }) });
    }
    return socket;
  }

  #judge(message: Received): void {
    if (message.type === "reply") {
      // The store was unavailable, so the reader subscribes again with its next connection.
      if (message.error !== undefined) {
        expect(message.error).toMatchObject({ code: "store_unavailable" });
        return;
      }
      const { channel, position, recovered, snapshot, reason } = message.result as Received;
      const before = this.#positions.get(channel as string);
      if (before !== undefined && recovered === true) expect(position).toBe(before);
      if (this.#gone.delete(channel as string)) expect(recovered).toBe(false);
      if (before !== undefined && recovered === false) expect(reason).toBeDefined();
      if (before !== undefined && String(channel).startsWith("state:") && recovered === false) {
        expect(snapshot).toBeDefined();
      }
      // The position may jump here: a gap message that follows at once explains the jump.
      this.#positions.set(channel as string, position as string);
      return;
    }
    const channel = message.channel as string;
    switch (message.type) {
      case "welcome":
      case "ping":
        return;
      case "gap":
        expect(channel.startsWith("log:")).toBe(true);
        this.#positions.set(channel, message.to as string);
        return;
      case "reset":
        expect(channel.startsWith("state:")).toBe(true);
        this.#positions.set(channel, message.position as string);
        return;
    }
    const position =
      this.#dialect === "json" ? (message.position as string) : placeIn(message, channel);
    const [now, before] = [place(position), place(this.#positions.get(channel))];
    expect([now.epoch, now.offset]).toEqual([before.epoch, before.offset + 1]);
    // After the log has lost its tail, new entries may reuse the same offsets. So the entry before this one
    // must be the one that the reader received.
    const follows = this.#stored.before(channel, position);
    if (follows !== undefined) expect(this.#positions.get(channel)).toBe(follows);
    this.#positions.set(channel, position);
    this.seen.set(`${channel}@${position}`, message.data);
  }
}

function place(position: unknown): Place {
  const read = parsePosition(position);
  if (!read.ok) throw new Error(`${String(position)} is no position`);
  return read.value;
}

function placeIn({ event_id }: Received, channel: string): string {
  const own = String(event_id)
    .split(",")
    .find((part) => part.startsWith(`${channel}@`));
  return own?.slice(channel.length + 1) ?? "";
}

test("[G4] [P-SUB-9] every reader's stream is contiguous or marks its gaps, and ends at the head, whatever faults occur", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const random = new SeededRandom(seed);
      const chance = (part: number) => random.fraction() < part;
      const faulty = new FaultyEngine();
      await using t = testCore({
        rules,
        engine: faulty.factory,
        limits: { maxReplayEntries: 25, idleTimeoutMs: 100_000_000, maxSendQueueBytes: 300_000 },
      });
      faulty.loses = () => chance(0.1);
      const stored = new Stored();
      const dialects = ["json", "plain", "json"] as const;
      const readers = dialects.map((dialect) => new Reader(t, dialect, stored));
      let n = 0;
      for (let step = 0; step < 120; step++) {
        const channel = channels[Math.floor(random.fraction() * channels.length)] ?? "log:a";
        const reader = readers[Math.floor(random.fraction() * readers.length)];
        const dice = random.fraction();
        if (dice < 0.5) {
          for (let burst = chance(0.1) ? 60 : 3; burst > 0; burst--) {
            const data = chance(0.05) ? { n: n++, text: "x".repeat(60_000) } : { n: n++ };
            // The publish fails while the store is down; then nothing was published.
            const done = await t.publish(channel, "n", data).catch(() => undefined);
            if (done !== undefined) stored.add(channel, done.position, data);
          }
        } else if (dice < 0.6) reader?.reconnect();
        else if (dice < 0.65) reader?.socket.stall();
        else if (dice < 0.72) reader?.socket.resume();
        else if (dice < 0.75) {
          // The purge reads the log afterwards, and that read may hang, so it is not awaited.
          void t.core.channels.purge(t.service, channel).catch(() => {});
        } else if (dice < 0.77) {
          // A failover loses the tail of the log. All pending work settles first, so that nothing else changes
          // the store during the loss.
          await t.clock.settle();
          const count = Math.min(faulty.stored(channel), 1 + Math.floor(random.fraction() * 6));
          if (count > 0) {
            for (const one of await faulty.loseTail(channel, count)) stored.lose(channel, one);
          }
        } else if (dice < 0.81) faulty.lag();
        else if (dice < 0.86) faulty.deliver();
        else if (dice < 0.89) faulty.hold();
        else if (dice < 0.94) faulty.release();
        else if (dice < 0.95) faulty.isDown = !faulty.isDown;
        else await t.clock.advance(Math.floor(random.fraction() * 30_000));
        if (chance(0.5)) await t.clock.settle();
        for (const one of readers) if (one.socket.bufferedBytes === 0) one.listen();
      }
      faulty.loses = () => false;
      faulty.isDown = false;
      faulty.deliver();
      faulty.release();
      for (let turn = 0; turn < 8; turn++) {
        for (const reader of readers) {
          reader.socket.resume();
          reader.listen();
        }
        await t.clock.advance(15_000);
      }
      for (const reader of readers) {
        // A reader whose subscribe failed during an outage subscribes again.
        reader.reconnect();
        await t.clock.settle();
        reader.listen();
        for (const channel of channels) {
          const { position } = await t.core.channels.snapshot(t.service, channel);
          expect(reader.position(channel)).toBe(position);
        }
        for (const [where, data] of reader.seen) expect(data).toEqual(stored.data.get(where));
      }
    }),
    { numRuns: 150, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: false },
  );
}, 60_000);
