import { check, type Fact, type JournalRecord, type Violation } from "@milepost/checker";
import { type TestCore, type TestSocket, testCore } from "@milepost/core/testing";
import type { DeadLetterStore, DurableChange, DurableSubscribers, Engine } from "@milepost/engine";
import { altered, FaultyEngine } from "@milepost/engine/testing";
import { SeededRandom } from "./seeded-random.ts";

const channel = "job:a";
const key = { channel, owner: "user:ada", name: "worker" };
const maxAttempts = 3;
const steps = 120;
const grants = { subscribe: ["job:*"], publish: [] };
const rules = [
  {
    pattern: "job:*",
    subscribe: "granted",
    publish: "granted",
    retention: { maxEntries: 40, maxAgeMs: 48 * 3_600_000 },
    durable: { ackWaitMs: 2_000, maxAttempts },
  },
] as const;

/** Puts a defect into the product by wrapping the ports of its engine. */
export type SpoilEngine = (engine: Engine) => Engine;

/** Mutants of acknowledged delivery; each loses entries in its own way. */
export const durableMutants: Readonly<Record<string, SpoilEngine>> = {
  "ack before delivery": spoilSave((change) => ({
    ...change,
    pending: [],
    settled: [...change.settled, ...change.pending.map(({ position }) => position.offset)],
  })),
  "lost redelivery": spoilSave((change) => ({
    ...change,
    pending: change.pending.filter(({ attempts }) => attempts < 2),
    settled: [
      ...change.settled,
      ...change.pending
        .filter(({ attempts }) => attempts >= 2)
        .map(({ position }) => position.offset),
    ],
  })),
  "dead letter lost": (engine) => ({
    ...engine,
    deadLetters: altered<DeadLetterStore>(engine.deadLetters, {
      put: async (letter) => ({ ...letter, id: "1-lost" }),
    }),
  }),
  "floor moved past an unacknowledged entry": spoilSave((change) => ({
    ...change,
    settled: [...change.settled, ...change.settled.map((offset) => offset + 1)],
    pending: change.pending.filter(({ position }) => !change.settled.includes(position.offset - 1)),
  })),
};

function spoilSave(spoil: (change: DurableChange) => DurableChange): SpoilEngine {
  return (engine) => ({
    ...engine,
    durable: altered<DurableSubscribers>(engine.durable, {
      save: (of, fence, change, bounds) => engine.durable.save(of, fence, spoil(change), bounds),
    }),
  });
}

/**
 * Runs one durable subscriber through publishes, acks, nacks, cuts, takeovers and store outages, which the seed
 * chooses. Returns the violations of G11.
 */
export async function runDurable(seed: number, spoil?: SpoilEngine): Promise<Violation[]> {
  const random = new SeededRandom(seed);
  const engine = new FaultyEngine();
  let made: Engine | undefined;
  const t = testCore({
    rules,
    engine: (context) => {
      made = engine.factory(context);
      return spoil?.(made) ?? made;
    },
  });
  const journal: JournalRecord[] = [];
  const add = (fact: Fact) => journal.push({ ...fact, t: t.clock.monotonic() });
  const limits = { max_replay_entries: 10_000, max_outbox_bytes: 1_048_576, dedupe_ms: 600_000 };
  add({ type: "begin", version: 1, seed, limits });
  const subscriber = new Subscriber(t, add);
  await subscriber.connect();
  for (let n = 0; n < steps; n++) {
    const dice = random.fraction();
    if (dice < 0.35 && !engine.isDown) {
      const { position } = await t.publish(channel, "n", n);
      const entry = {
        type: "entry",
        channel,
        position,
        owner: "backend",
        event: "n",
        hash: "",
      } as const;
      add(entry);
    } else if (dice < 0.55) subscriber.answer("ack", random.fraction());
    else if (dice < 0.65) subscriber.answer("nack", random.fraction());
    else if (dice < 0.75) await subscriber.connect(random.chance(0.5));
    else if (dice < 0.8) engine.isDown = !engine.isDown;
    else await t.clock.advance(random.fraction() * 4_000);
    if (random.chance(0.7)) await t.clock.settle();
    subscriber.read();
  }
  engine.isDown = false;
  await subscriber.connect();
  await t.clock.advance(20_000);
  subscriber.read();
  const state = await made?.durable.get(key);
  for (const { entry } of await (made?.deadLetters.list({ limit: 1_000 }) ?? [])) {
    const { position = "", since } = entry;
    add({ type: "letter", subscriber: "worker", position, ...(since && { since }) });
  }
  if (state !== undefined) add(subscriber.end(state));
  await t[Symbol.asyncDispose]();
  return check([...journal, { type: "end", t: t.clock.monotonic() }]).filter(
    ({ id }) => id === "G11",
  );
}

/** Client that holds the durable subscriber; it keeps the subscriber across its connections. */
class Subscriber {
  readonly #t: TestCore;
  readonly #add: (fact: Fact) => void;
  #socket: TestSocket | undefined;
  #lastId = 0;
  #isBegun = false;
  /** Positions that were delivered on this connection. */
  #given: string[] = [];
  #asked = new Map<unknown, { readonly kind: "ack" | "nack"; readonly position: string }>();

  constructor(t: TestCore, add: (fact: Fact) => void) {
    this.#t = t;
    this.#add = add;
  }

  /**
   * Opens a new connection. With `cuts` the old one is cut first; otherwise the new one takes the subscriber
   * over while the old one is still open.
   */
  async connect(cuts = true): Promise<void> {
    const before = this.#socket;
    if (cuts) before?.drop();
    this.#loseAsked();
    this.#given = [];
    const principal = this.#t.user("ada", { grants });
    const socket = this.#t.connect({ principal });
    this.#socket = socket;
    socket.send({ type: "subscribe", id: "subscribe", channel, as: "worker", since: "start" });
    await this.#t.clock.settle();
    this.read();
    if (!cuts) before?.drop();
  }

  answer(kind: "ack" | "nack", fraction: number): void {
    const position = this.#given[Math.floor(fraction * this.#given.length)];
    if (position === undefined) return;
    const id = ++this.#lastId;
    this.#asked.set(id, { kind, position });
    this.#socket?.send({ type: kind, id, channel, position, reason: "busy" });
  }

  read(): void {
    this.#socket?.pong();
    for (const message of this.#socket?.take() ?? []) {
      const { type, id, error } = message;
      if (type === "event") {
        const position = String(message.position);
        const attempt = typeof message.attempt === "number" ? message.attempt : 1;
        this.#given.push(position);
        this.#add({ type: "handed", subscriber: "worker", position, attempt });
      } else if (id === "subscribe" && error === undefined) this.#begin(message.result as object);
      else if (type === "reply") {
        const asked = this.#asked.get(id);
        if (asked === undefined) continue;
        this.#asked.delete(id);
        const outcome = error === undefined ? "saved" : "unknown";
        this.#add({ type: "acked", subscriber: "worker", outcome, ...asked });
      }
    }
  }

  end({ sent, pending }: NonNullable<Awaited<ReturnType<DurableSubscribers["get"]>>>): Fact {
    const now = this.#t.clock.now();
    return {
      type: "durable_end",
      subscriber: "worker",
      sent: formatted(sent),
      is_held: true,
      pending: pending.map(({ position, attempts, dueAt }) => ({
        position: formatted(position),
        attempts,
        due_in_ms: dueAt - now,
      })),
    };
  }

  #begin(result: object): void {
    if (this.#isBegun || !("position" in result)) return;
    this.#isBegun = true;
    const position = String(result.position);
    this.#add({
      type: "durable",
      subscriber: "worker",
      channel,
      position,
      max_attempts: maxAttempts,
    });
  }

  /** Records the unanswered acks and nacks as unknown, because they may have been applied. */
  #loseAsked(): void {
    for (const asked of this.#asked.values()) {
      this.#add({ type: "acked", subscriber: "worker", outcome: "unknown", ...asked });
    }
    this.#asked.clear();
  }
}

function formatted({ epoch, offset, tag }: { epoch: string; offset: number; tag: string }): string {
  return `${epoch}.${offset}.${tag}`;
}
