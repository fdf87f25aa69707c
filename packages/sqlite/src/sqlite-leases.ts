import type { AcquireOptions, Lease, Leases } from "@milepost/engine";
import type { Row } from "./driver/database.ts";
import type { PortParts } from "./port-parts.ts";

const tokenLength = 32;
const rememberedMs = 24 * 3_600_000;

/** Leases in the file, so that a producer's lease outlives a restart of the gateway. */
export class SqliteLeases implements Leases {
  readonly #parts: PortParts;
  readonly #get;
  readonly #put;
  readonly #release;

  constructor(parts: PortParts) {
    const { store } = parts;
    this.#parts = parts;
    this.#get = store.prepare("SELECT * FROM lease WHERE name = ?");
    this.#put = store.prepare("INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?)");
    this.#release = store.prepare("UPDATE lease SET released = 1 WHERE name = ?");
  }

  acquire(name: string, ttlMs: number, options?: AcquireOptions): Promise<Lease | undefined> {
    return this.#parts.store.step(() => {
      const row = this.#known(name);
      const isHeld =
        row !== undefined &&
        row.released === 0 &&
        Number(row.ends_at) > this.#parts.storeClock.now();
      if (isHeld && options?.force !== true) return undefined;
      return this.#hold({
        name,
        token: this.#parts.random.id(tokenLength),
        fence: Number(row?.fence ?? 0) + 1,
        ttlMs,
        since: this.#parts.clock.now(),
        ...(options?.holder !== undefined && { holder: options.holder }),
      });
    });
  }

  renew(name: string, token: string, ttlMs?: number): Promise<Lease | undefined> {
    return this.#parts.store.step(() => {
      const row = this.#known(name);
      if (row === undefined || row.released !== 0 || row.token !== token) return undefined;
      const held = leaseOf(name, row);
      return this.#hold({ ...held, ttlMs: ttlMs ?? held.ttlMs });
    });
  }

  get(name: string): Promise<Lease | undefined> {
    return this.#parts.store.read(() => {
      const row = this.#known(name);
      if (row === undefined || row.released !== 0) return undefined;
      return leaseOf(name, row);
    });
  }

  release(name: string, token: string): Promise<boolean> {
    return this.#parts.store.step(() => {
      const row = this.#known(name);
      if (row === undefined || row.released !== 0 || row.token !== token) return false;
      this.#release.run(name);
      return true;
    });
  }

  #known(name: string): Row | undefined {
    const row = this.#get.get(name);
    return row !== undefined && Number(row.until) > this.#parts.storeClock.now() ? row : undefined;
  }

  #hold(held: Omit<Lease, "expiresAt">): Lease {
    const { name, token, fence, ttlMs, since, holder = null } = held;
    const { clock, storeClock } = this.#parts;
    const expiresAt = clock.now() + ttlMs;
    const endsAt = storeClock.now() + ttlMs;
    const until = endsAt + rememberedMs;
    this.#put.run(name, token, fence, ttlMs, expiresAt, endsAt, until, since, holder);
    return { ...held, expiresAt };
  }
}

function leaseOf(name: string, row: Row): Lease {
  return {
    name,
    token: String(row.token),
    fence: Number(row.fence),
    ttlMs: Number(row.ttl),
    expiresAt: Number(row.expires_at),
    since: Number(row.since),
    ...(row.holder !== null && { holder: String(row.holder) }),
  };
}
