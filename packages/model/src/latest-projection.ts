import type { Projection } from "./projection.ts";

/** The last publication of a channel. */
export interface LatestState {
  readonly event: string;
  readonly data: unknown;
  /** Milliseconds since 1970. */
  readonly ts: number;
}

/** Keeps the last publication, whatever it is. */
export const latestProjection: Projection<LatestState> = {
  name: "latest",
  initial: undefined,
  reduce: (_state, { event, data, ts }) => ({ event, data, ts }),
};
