import { FaultyEngine, SeededRandom } from "@milepost/engine/testing";
import { parsePosition } from "@milepost/protocol";
import { expect, test } from "vitest";
import { orThrow } from "../input/input.ts";
import { type TestSocket, testCore } from "../testing/index.ts";

const channel = "broadcast";
const policy = { maxEntries: 10_000, maxAgeMs: 3_600_000, dedupeMs: 600_000 };

interface Reader {
  socket: TestSocket;
  readonly seen: number[];
  /** Newest position that the client has received. */
  position: string | undefined;
  /** True as long as the reader has never reconnected. */
  stayed: boolean;
}

/** Takes what a reader has received, as a client does that stores its position with each message. */
function take(reader: Reader): void {
  for (const message of reader.socket.take()) {
    const { type, data, position, to } = message;
    if (type === "event") reader.seen.push(data as number);
    if (type === "event" || type === "subscribed" || type === "reset") {
      reader.position = String(position);
    }
    if (type === "gap") reader.position = String(to);
  }
}

/** Runs 60 random steps of publishes, outages and reconnects, and returns what readers saw and the log has. */
async function run(seed: number) {
  const engine = new FaultyEngine();
  await using t = testCore({ engine: engine.factory });
  const random = new SeededRandom(seed);
  const below = (most: number) => Math.floor(random.fraction() * most);
  const readers: Reader[] = [];
  const accepted: number[] = [];
  let isCut = false;
  let count = 0;
  const join = (position?: string) =>
    t.connect({
      principal: t.reader(),
      channels: [channel],
      ...(position === undefined
        ? {}
        : { resume: new Map([[channel, orThrow(parsePosition(position))]]) }),
    });
  for (let n = 0; n < 3; n++) {
    readers.push({ socket: join(), seen: [], position: undefined, stayed: true });
  }
  await t.clock.settle();
  for (let step = 0; step < 60; step++) {
    const dice = below(10);
    if (dice < 4) {
      const n = ++count;
      void t.publish(channel, "news", n, `k${n}`).then(
        () => accepted.push(n),
        () => {},
      );
    } else if (dice < 6) {
      const n = ++count;
      accepted.push(n);
      const entry = { event: "news", json: String(n), publisher: "another node" };
      await engine.log.append(channel, entry, policy);
    } else if (dice < 8) {
      if (isCut) engine.comeBack();
      else engine.goAway();
      isCut = !isCut;
    } else if (dice < 9) {
      const reader = readers[1 + below(2)];
      if (reader?.position !== undefined) {
        take(reader);
        reader.socket.drop();
        reader.socket = join(reader.position);
        reader.stayed = false;
      }
    }
    await t.clock.advance(below(4) * 400);
    for (const reader of readers) take(reader);
  }
  if (isCut) engine.comeBack();
  await t.clock.advance(60_000);
  for (const reader of readers) take(reader);
  const { entries } = await t.core.channels.history(t.service, channel, { limit: 1_000 });
  return { readers, accepted, log: entries.map(({ data }) => data as number) };
}

test("[P-SHOW-1] [P-SHOW-2] [G3] whatever outages come, each accepted entry is stored once, and no reader sees one twice or misses one while it stays", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const { readers, accepted, log } = await run(seed);
    expect([seed, new Set(log).size]).toEqual([seed, log.length]);
    expect([seed, accepted.filter((n) => !log.includes(n))]).toEqual([seed, []]);
    for (const { seen, stayed } of readers) {
      expect([seed, new Set(seen).size]).toEqual([seed, seen.length]);
      if (stayed) expect([seed, log.filter((n) => !seen.includes(n))]).toEqual([seed, []]);
    }
  }
});
