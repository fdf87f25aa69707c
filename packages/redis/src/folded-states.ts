import type { Projection } from "@milepost/model";
import type { Position } from "@milepost/protocol";

const kept = 500;

/** A channel's state as this node has folded it. */
export interface FoldedState {
  readonly position: Position;
  readonly projection: Projection<unknown>;
  readonly state: unknown;
}

/** The states this node folded last, so that reading one again folds only what is new. Bounded; the longest unused goes first. */
export class FoldedStates {
  readonly #states = new Map<string, FoldedState>();

  get(channel: string): FoldedState | undefined {
    return this.#states.get(channel);
  }

  set(channel: string, state: FoldedState): void {
    this.#states.delete(channel);
    this.#states.set(channel, state);
    if (this.#states.size <= kept) return;
    for (const oldest of this.#states.keys()) {
      this.#states.delete(oldest);
      return;
    }
  }

  delete(channel: string): void {
    this.#states.delete(channel);
  }
}
