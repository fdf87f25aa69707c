import type { PersistOptions } from "zustand/middleware";
import type { MilepostState } from "./milepost-state.ts";
import { slicesIn, slicesToStore } from "./stored-slices.ts";

/** Version of what is stored. Another version is dropped, and the channels are fetched anew. */
const version = 1;

/**
 * Returns options for zustand's `persist` that keep the channels with their positions over a reload, so that each
 * continues where it stopped. They keep neither the connection nor anything else that a reload makes wrong.
 *
 * `name`, `storage` and whatever else `persist` takes are passed on. `partialize` picks what else of the state is kept.
 */
export function persistOptions<T extends MilepostState, Kept extends object = object>(
  options: Omit<PersistOptions<T, Kept>, "merge" | "migrate" | "partialize" | "version"> & {
    readonly partialize?: (state: T) => Kept;
  },
): PersistOptions<T, Kept> {
  const { partialize, ...rest } = options;
  return {
    ...rest,
    version,
    partialize: (state) => ({
      ...(partialize?.(state) as Kept),
      channels: slicesToStore(state.channels),
      owner: state.owner,
    }),
    migrate: () => ({}) as Kept,
    merge: (persisted, current) => {
      const { channels, owner, ...own } = (persisted ?? {}) as Partial<MilepostState>;
      return {
        ...current,
        ...own,
        channels: slicesIn(channels),
        owner: typeof owner === "string" ? owner : null,
      };
    },
  };
}
