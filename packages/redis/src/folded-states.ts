import type { Projection } from "@milepost/model";
import type { Position } from "@milepost/protocol";

const maxStates = 500;
/** Maximum size of all kept states, as characters of JSON: 16 Mi. */
const maxSize = 16 * 1_048_576;

/** State of a channel as this node has folded it, and the position it belongs to. */
export interface FoldedState {
  readonly position: Position;
  readonly projection: Projection<unknown>;
  readonly state: unknown;
  /** Upper bound of the state's size, as characters of JSON: that of a stored state and the entries folded since. */
  readonly size: number;
}

/**
 * States that this node has folded, so that the next snapshot of a channel folds only newer entries. Keeps the
 * states of 500 channels, of 16 Mi characters together; beyond that it drops the states stored longest ago.
 */
export class FoldedStates {
  readonly #states = new Map<string, FoldedState>();
  #size = 0;

  get(channel: string): FoldedState | undefined {
    return this.#states.get(channel);
  }

  set(channel: string, state: FoldedState): void {
    this.delete(channel);
    this.#states.set(channel, state);
    this.#size += state.size;
    for (const oldest of this.#states.keys()) {
      if (this.#states.size <= maxStates && this.#size <= maxSize) return;
      this.delete(oldest);
    }
  }

  /** Records the exact size of the state at a position, if that is the one kept. */
  measure(channel: string, { epoch, offset, tag }: Position, size: number): void {
    const kept = this.#states.get(channel);
    const at = kept?.position;
    if (kept === undefined || at?.epoch !== epoch || at.offset !== offset || at.tag !== tag) return;
    this.set(channel, { ...kept, size });
  }

  delete(channel: string): void {
    this.#size -= this.#states.get(channel)?.size ?? 0;
    this.#states.delete(channel);
  }
}
