import type { Queue } from "bullmq";

/** Takes or renews the leadership, with the place in the events up to which the leader has come. Returns that place. */
const lead = `
local owner = redis.call("GET", KEYS[1])
if owner and owner ~= ARGV[1] then return false end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
if ARGV[3] ~= "" then redis.call("SET", KEYS[2], ARGV[3], "PX", 86400000) end
return redis.call("GET", KEYS[2]) or ""
`;

const resign = `
if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end
return 0
`;

/**
 * Leadership of one process over a queue: it alone tells the places of jobs that wait. It ends by itself when the process
 * dies, and the next leader goes on where it was.
 */
export class Leadership {
  readonly #queue: Queue;
  readonly #id: string;
  readonly #ttlMs: number;
  #isReady = false;

  constructor(queue: Queue, id: string, ttlMs: number) {
    this.#queue = queue;
    this.#id = id;
    this.#ttlMs = ttlMs;
  }

  /**
   * Takes or renews the leadership. `cursor` is the id of the last event that was handled, or empty. Returns the cursor that
   * is kept; undefined if another process leads.
   */
  async hold(cursor: string): Promise<string | undefined> {
    const client = await this.#client();
    const kept = await client.runCommand("milepostLead", [
      ...this.#keys(),
      this.#id,
      this.#ttlMs,
      cursor,
    ]);
    return typeof kept === "string" ? kept : undefined;
  }

  async resign(): Promise<void> {
    const client = await this.#client();
    await client.runCommand("milepostResign", [this.#keys()[0], this.#id]);
  }

  async #client() {
    const client = await this.#queue.getBackend().client;
    if (!this.#isReady) {
      client.defineCommand("milepostLead", { numberOfKeys: 2, lua: lead });
      client.defineCommand("milepostResign", { numberOfKeys: 1, lua: resign });
      this.#isReady = true;
    }
    return client;
  }

  #keys(): readonly [string, string] {
    return [this.#queue.toKey("milepost:leader"), this.#queue.toKey("milepost:cursor")];
  }
}
