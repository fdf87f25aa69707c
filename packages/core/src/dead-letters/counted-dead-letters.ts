import type { DeadLetterStore } from "@milepost/engine";
import type { Counter } from "../runtime/meter.ts";

/**
 * Returns a dead-letter store that forwards every call to `store`, and adds 1 to `written` after each
 * successful write.
 */
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
