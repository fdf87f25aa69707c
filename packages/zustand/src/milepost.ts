import type { Client } from "@milepost/client";
import type { StateCreator, StoreMutatorIdentifier } from "zustand/vanilla";
import type { MilepostState, MilepostValues } from "./milepost-state.ts";
import { type BindingOptions, type MilepostAction, StoreBinding } from "./store-binding.ts";

/** Options of the middleware. */
export type MilepostOptions = BindingOptions;

/** Parts of the store that the middleware uses; `persist` only where the store has that middleware. */
interface Api {
  subscribe(listener: () => void): () => void;
  readonly persist?: {
    hasHydrated(): boolean;
    onFinishHydration(listener: () => void): () => void;
  };
}

/**
 * Middleware of zustand that adds a client's connection, channels and operations to a store; see {@link MilepostState}.
 *
 * It composes with `devtools`, `persist` and `immer`, which go around it. Changes that arrive together are one change of
 * the store, with the name of its action, such as `milepost/event`. Parts that did not change keep their identity, so
 * that a selector renders only what changed. The store only shows what the client has: setting it back, as time travel
 * does, sends nothing.
 */
export function milepost<
  T extends MilepostState,
  Mps extends [StoreMutatorIdentifier, unknown][] = [],
  Mcs extends [StoreMutatorIdentifier, unknown][] = [],
>(
  client: Client,
  initializer: StateCreator<T, Mps, Mcs, Omit<T, keyof MilepostState>>,
  options: MilepostOptions = {},
): StateCreator<T, Mps, Mcs, T> {
  const creator = (
    set: (values: Partial<MilepostValues>, replace: false, action: MilepostAction) => void,
    get: () => Partial<MilepostValues> | undefined,
    api: Api,
  ) => {
    const store = {
      get: () => get() ?? {},
      // Middleware around this one takes the name of the action as a third argument.
      set: (values: Partial<MilepostValues>, action: MilepostAction) => set(values, false, action),
    };
    const binding = new StoreBinding(client, store, options);
    // `persist` adds itself to the store after this, and has read a synchronous storage by the end of the task.
    queueMicrotask(() => {
      api.subscribe(() => binding.onStore());
      const { persist } = api;
      if (persist === undefined || persist.hasHydrated()) binding.adopt();
      else {
        const stop = persist.onFinishHydration(() => {
          stop();
          binding.adopt();
        });
      }
    });
    const own = (initializer as (...given: unknown[]) => object)(set, get, api);
    const { watch, watchOperation, publish, forget, detach } = binding;
    return { ...own, ...binding.initial, watch, watchOperation, publish, forget, detach };
  };
  // The types of the middleware around this one are known to its caller alone.
  return creator as unknown as StateCreator<T, Mps, Mcs, T>;
}
