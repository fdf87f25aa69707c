import type { Lease, Leases } from "@milepost/engine";
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
    this.#put = store.prepare("INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?, ?, 0, ?)");
    this.#release = store.prepare("UPDATE lease SET released = 1 WHERE name = ?");
  }

  acquire(
    name: string,
    ttlMs: number,
    options?: { readonly force?: boolean },
  ): Promise<Lease | undefined> {
    return this.#parts.store.step(() => {
      const row = this.#known(name);
      const isHeld =
        row !== undefined &&
        row.released === 0 &&
        Number(row.ends_at) > this.#parts.storeClock.now();
      if (isHeld && options?.force !== true) return undefined;
      return this.#hold(
        name,
        this.#parts.random.id(tokenLength),
        Number(row?.fence ?? 0) + 1,
        ttlMs,
      );
    });
  }

  renew(name: string, token: string, ttlMs?: number): Promise<Lease | undefined> {
    return this.#parts.store.step(() => {
      const row = this.#known(name);
      if (row === undefined || row.released !== 0 || row.token !== token) return undefined;
      return this.#hold(name, token, Number(row.fence), ttlMs ?? Number(row.ttl));
    });
  }

  get(name: string): Promise<Lease | undefined> {
    return this.#parts.store.read(() => {
      const row = this.#known(name);
      if (row === undefined || row.released !== 0) return undefined;
      return {
        name,
        token: String(row.token),
        fence: Number(row.fence),
        ttlMs: Number(row.ttl),
        expiresAt: Number(row.expires_at),
      };
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

  #hold(name: string, token: string, fence: number, ttlMs: number): Lease {
    const { clock, storeClock } = this.#parts;
    const expiresAt = clock.now() + ttlMs;
    const endsAt = storeClock.now() + ttlMs;
    this.#put.run(name, token, fence, ttlMs, expiresAt, endsAt, endsAt + rememberedMs);
    return { name, token, fence, ttlMs, expiresAt };
  }
}
