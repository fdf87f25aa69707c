import type { Projection } from "./projection.ts";

/** The state of the projection `latest`: the last publication of a channel. */
export interface LatestState {
  readonly event: string;
  readonly data: unknown;
  /** Time of the append, in milliseconds since 1970. */
  readonly ts: number;
}

/** Keeps the last publication of a channel, with any event and data. */
export const latestProjection: Projection<LatestState> = {
  name: "latest",
  initial: undefined,
  reduce: (_state, { event, data, ts }) => ({ event, data, ts }),
};
