import { requireTargetFits, type Target, type TargetBounds, type Targets } from "@milepost/engine";
import type { PortParts } from "./port-parts.ts";

/** Targets in the file. */
export class SqliteTargets implements Targets {
  readonly #parts: PortParts;
  readonly #forget;
  readonly #list;
  readonly #put;
  readonly #remove;

  constructor(parts: PortParts) {
    const { store } = parts;
    this.#parts = parts;
    this.#forget = store.prepare("DELETE FROM target WHERE owner = ? AND until <= ?");
    this.#list = store.prepare("SELECT id, value FROM target WHERE owner = ? AND until > ?");
    this.#put = store.prepare("INSERT OR REPLACE INTO target VALUES (?, ?, ?, ?)");
    this.#remove = store.prepare("DELETE FROM target WHERE owner = ? AND id = ?");
  }

  async put(
    owner: string,
    target: Target,
    { maxTargets, keepMs, isRenewal = false }: TargetBounds,
  ): Promise<boolean> {
    requireTargetFits(owner, target);
    const { store, storeClock } = this.#parts;
    return store.step(() => {
      store.requireRoom();
      const now = storeClock.now();
      this.#forget.run(owner, now);
      const held = this.#held(owner);
      const isNew = !held.some(({ id }) => id === target.id);
      if (isNew && (isRenewal || held.length >= maxTargets)) return false;
      this.#put.run(owner, target.id, target.value, now + keepMs);
      return true;
    });
  }

  list(owner: string): Promise<readonly Target[]> {
    return this.#parts.store.read(() =>
      this.#held(owner)
        .map(({ id, value }) => ({ id: String(id), value: String(value) }))
        .sort((a, b) => (a.id < b.id ? -1 : 1)),
    );
  }

  remove(owner: string, id: string): Promise<boolean> {
    const { store, storeClock } = this.#parts;
    return store.step(() => {
      this.#forget.run(owner, storeClock.now());
      return this.#remove.run(owner, id) > 0;
    });
  }

  #held(owner: string) {
    return this.#list.all(owner, this.#parts.storeClock.now());
  }
}
