import type { DeadLetterStore } from "@milepost/engine";
import type { Counter } from "../runtime/meter.ts";

/** Returns the store with every write counted once it has succeeded. */
export function countedDeadLetters(store: DeadLetterStore, written: Counter): DeadLetterStore {
  return {
    async put(deadLetter, bounds) {
      const kept = await store.put(deadLetter, bounds);
      written.add(1);
      return kept;
    },
    get: (id) => store.get(id),
    list: (query) => store.list(query),
    remove: (id) => store.remove(id),
    count: () => store.count(),
  };
}
