import { isRecord } from "@milepost/protocol";

/** Storage of a page that survives a reload: `sessionStorage`. */
export type PageStorage = Pick<Storage, "getItem" | "setItem">;

/** Maximum number of cleared items of each kind that are remembered. A state holds fewer. */
const maxCleared = 50;

/**
 * Notifications and errors that the person has cleared. The gateway keeps them in the state of the channel, so a page
 * that is loaded again must not show them again.
 */
export class ClearedItems {
  readonly #storage: PageStorage | undefined;
  readonly #name: string;
  readonly #keys: Set<string>;

  constructor(storage: PageStorage | undefined, name: string) {
    this.#storage = storage;
    this.#name = name;
    this.#keys = new Set(readKeys(storage, name));
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  add(keys: readonly string[]): void {
    for (const key of keys) {
      this.#keys.delete(key);
      this.#keys.add(key);
    }
    for (const oldest of this.#keys) {
      if (this.#keys.size <= maxCleared) break;
      this.#keys.delete(oldest);
    }
    try {
      this.#storage?.setItem(this.#name, JSON.stringify({ cleared: [...this.#keys] }));
    } catch {
      // A full or forbidden storage only means that a reload shows the items again.
    }
  }
}

function readKeys(storage: PageStorage | undefined, name: string): readonly string[] {
  try {
    const stored: unknown = JSON.parse(storage?.getItem(name) ?? "null");
    const keys = isRecord(stored) && Array.isArray(stored.cleared) ? stored.cleared : [];
    return keys.filter((key) => typeof key === "string").slice(-maxCleared);
  } catch {
    return [];
  }
}
