import { MilepostError } from "@milepost/protocol";

/** Bounds of {@link AppendTurns}, in characters of data. */
export interface TurnBounds {
  /** Length from which an append waits for its turn. */
  readonly large: number;
  /** Length of the large appends that are sent to the store and not answered. A single longer one is sent alone. */
  readonly inFlight: number;
  /** Length of the appends of one publisher that may wait. */
  readonly perPublisher: number;
  /** Length of all appends that may wait. */
  readonly waiting: number;
}

const mib = 1_048_576;

const defaultBounds: TurnBounds = {
  large: 16_384,
  inFlight: mib,
  perPublisher: 16 * mib,
  waiting: 64 * mib,
};

const retryAfterMs = 1_000;

interface Turn {
  readonly channel: string;
  readonly length: number;
  readonly start: () => void;
}

/** Waiting appends of one publisher, in the order of its calls. */
interface PublisherQueue {
  readonly turns: Turn[];
  /** Number of waiting appends per channel. */
  readonly channels: Map<string, number>;
  length: number;
}

/**
 * Sends large appends to the store in turns, one publisher after the other, so that nobody else waits behind them.
 *
 * Appends of 16 Ki characters and more wait while others of 1 Mi characters are in flight. Smaller ones are sent at
 * once, unless an append of the same publisher to the same channel waits: the order of a publisher's appends to a
 * channel never changes.
 */
export class AppendTurns {
  readonly #bounds: TurnBounds;
  /** Queues of the publishers that have waiting appends. The first one has the next turn. */
  readonly #queues = new Map<string, PublisherQueue>();
  #inFlight = 0;
  #waiting = 0;

  constructor(bounds: Partial<TurnBounds> = {}) {
    this.#bounds = { ...defaultBounds, ...bounds };
  }

  /** Number of characters of data that wait for their turn. */
  get waiting(): number {
    return this.#waiting;
  }

  /** True if an append of this length need not wait, because it is small and nothing waits. */
  isFree(length: number): boolean {
    return this.#queues.size === 0 && length < this.#bounds.large;
  }

  /** Runs an append in its turn. Rejects with `rate_limited` when too much waits already. */
  run<T>(publisher: string, channel: string, length: number, append: () => Promise<T>): Promise<T> {
    const isLarge = length >= this.#bounds.large;
    if (this.#queues.size === 0) {
      if (!isLarge) return append();
      if (this.#hasRoom(length)) return this.#send(length, append);
    } else if (!isLarge && !this.#queues.get(publisher)?.channels.has(channel)) return append();
    return this.#wait(publisher, channel, length, append);
  }

  #hasRoom(length: number): boolean {
    return this.#inFlight === 0 || this.#inFlight + length <= this.#bounds.inFlight;
  }

  async #send<T>(length: number, append: () => Promise<T>): Promise<T> {
    this.#inFlight += length;
    try {
      return await append();
    } finally {
      this.#inFlight -= length;
      this.#next();
    }
  }

  #wait<T>(
    publisher: string,
    channel: string,
    length: number,
    append: () => Promise<T>,
  ): Promise<T> {
    const queue: PublisherQueue = this.#queues.get(publisher) ?? {
      turns: [],
      channels: new Map(),
      length: 0,
    };
    const { perPublisher, waiting } = this.#bounds;
    if (queue.length + length > perPublisher || this.#waiting + length > waiting) {
      return Promise.reject(
        new MilepostError(
          "rate_limited",
          "too many large publishes wait for the store; wait for their answers before you send more",
          { retryAfterMs },
        ),
      );
    }
    this.#queues.set(publisher, queue);
    queue.channels.set(channel, (queue.channels.get(channel) ?? 0) + 1);
    queue.length += length;
    this.#waiting += length;
    return new Promise((resolve, reject) => {
      const start = () => void this.#send(length, append).then(resolve, reject);
      queue.turns.push({ channel, length, start });
    });
  }

  /** Starts waiting appends while there is room, each time of the publisher whose last turn was longest ago. */
  #next(): void {
    for (const [publisher, queue] of this.#queues) {
      const [turn] = queue.turns;
      if (turn === undefined || !this.#hasRoom(turn.length)) return;
      queue.turns.shift();
      const { channel, length } = turn;
      const left = (queue.channels.get(channel) ?? 0) - 1;
      if (left > 0) queue.channels.set(channel, left);
      else queue.channels.delete(channel);
      queue.length -= length;
      this.#waiting -= length;
      // A map keeps the order of insertion, so the publisher goes to the end of the round, which this loop also reaches.
      this.#queues.delete(publisher);
      if (queue.turns.length > 0) this.#queues.set(publisher, queue);
      turn.start();
    }
  }
}
