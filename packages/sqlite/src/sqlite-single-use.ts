import { maxSingleUseName, type SingleUse } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import type { PortParts } from "./port-parts.ts";

/** Names of one space that may be remembered at a time. */
const maxNames = 250_000;

/** Used names in the file. A space that is full refuses claims; it never forgets a name early. */
export class SqliteSingleUse implements SingleUse {
  readonly #parts: PortParts;
  readonly #count;
  readonly #get;
  readonly #put;

  constructor(parts: PortParts) {
    const { store } = parts;
    this.#parts = parts;
    this.#count = store.prepare(
      "SELECT count(*) AS held FROM (SELECT 1 FROM used_name WHERE space = ? LIMIT ?)",
    );
    this.#get = store.prepare("SELECT until FROM used_name WHERE space = ? AND name = ?");
    this.#put = store.prepare("INSERT OR REPLACE INTO used_name VALUES (?, ?, ?)");
  }

  async claim(space: string, name: string, ttlMs: number): Promise<boolean> {
    if (name.length > maxSingleUseName) {
      throw new MilepostError(
        "bad_message",
        `a name that is used once has at most ${maxSingleUseName} characters`,
      );
    }
    const { store, storeClock } = this.#parts;
    return store.step(() => {
      const now = storeClock.now();
      const known = this.#get.get(space, name);
      if (known !== undefined && Number(known.until) > now) return false;
      store.requireRoom();
      if (known === undefined && Number(this.#count.get(space, maxNames)?.held) >= maxNames) {
        throw new MilepostError(
          "rate_limited",
          `this gateway remembers ${maxNames} used names already; try again later`,
        );
      }
      this.#put.run(space, name, now + ttlMs);
      return true;
    });
  }
}
