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
 * With `owner`, the id of the user, nothing of what another user left is taken, values of the application included.
 */
export function persistOptions<T extends MilepostState, Kept extends object = object>(
  options: Omit<PersistOptions<T, Kept>, "merge" | "migrate" | "partialize" | "version"> & {
    readonly partialize?: (state: T) => Kept;
    readonly owner?: string;
  },
): PersistOptions<T, Kept> {
  const { partialize, owner: own, ...rest } = options;
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
      const { channels, owner, ...others } = (persisted ?? {}) as Partial<MilepostState>;
      if (own !== undefined && owner !== own) return current;
      return {
        ...current,
        ...others,
        channels: slicesIn(channels),
        owner: typeof owner === "string" ? owner : null,
      };
    },
  };
}
