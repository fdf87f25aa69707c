import type { Projection } from "@milepost/model";
import type { Position } from "@milepost/protocol";

const kept = 500;

/** State of a channel as this node has folded it, and the position it belongs to. */
export interface FoldedState {
  readonly position: Position;
  readonly projection: Projection<unknown>;
  readonly state: unknown;
}

/**
 * States that this node has folded, so that the next snapshot of a channel folds only newer entries. Keeps the
 * states of 500 channels; beyond that it drops the state stored longest ago.
 */
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
