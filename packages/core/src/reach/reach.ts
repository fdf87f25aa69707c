import type { DeliveryBounds, Engine } from "@milepost/engine";
import type { OperationState } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import type { InboxNews } from "../inbox/inbox-api.ts";
import { type Errand, writeErrand } from "./errand.ts";
import { thingOfItem } from "./inbox-thing.ts";
import type { TargetName } from "./target-records.ts";
import type { Thing } from "./thing.ts";

/** Bounds of the deliveries of a deployment. */
export const deliveryBounds: DeliveryBounds = { maxWaiting: 100_000, keepMs: 8 * 24 * 3_600_000 };
/** Time that a page has to come back after a reload before its user counts as away, in milliseconds. */
const graceMs = 3_000;
/** Bounds for looks at operations that run, so that these leave half of the room to what has happened. */
const lookBounds: DeliveryBounds = { ...deliveryBounds, maxWaiting: 50_000 };
/** Time until the first look at an operation that runs, in milliseconds. */
const firstLookMs = 60_000;

/** Parts of the node that {@link Reach} uses. */
export interface ReachContext {
  readonly engine: Pick<Engine, "deliveries">;
  /** False where the deployment has nothing to reach anybody with; then nothing is stored. */
  readonly isOn: boolean;
  readonly onError: (error: unknown) => void;
}

/**
 * Takes note of things that users who are away must know.
 *
 * A note never fails or delays what it is about: its errors are reported, not thrown. The end of an operation is noted
 * twice, when it is published and by the look at the operation that was noted when it began, so that no crash between
 * loses it. Ids make one delivery of both.
 */
export class Reach {
  readonly #context: ReachContext;

  constructor(context: ReachContext) {
    this.#context = context;
  }

  /** Notes what an event of an operation has changed. `before` is undefined for the first event. */
  async operationChanged(before: OperationState | undefined, after: OperationState): Promise<void> {
    if (!this.#context.isOn || after.user_id === undefined) return;
    const { id: operation, attempt } = after;
    if (isOver(after)) {
      if (before === undefined || !isOver(before) || before.attempt !== attempt) {
        await this.#note(endId(after), { do: "end", operation, attempt }, graceMs);
      }
    } else if (before === undefined || isOver(before) || before.attempt !== attempt) {
      const errand = { do: "watch", operation, attempt } as const;
      await this.#note(`watch:${operation}:${attempt}`, errand, firstLookMs, lookBounds);
    }
  }

  /** Notes a new item of an inbox. Rejects when the store does not answer; the inbox then tells of the item again. */
  async heard(news: InboxNews): Promise<void> {
    if (!this.#context.isOn) return;
    const thing = thingOfItem(news);
    const errand = writeErrand({ do: "decide", thing });
    try {
      await this.#context.engine.deliveries.add(
        `decide:${thing.id}`,
        errand,
        graceMs,
        deliveryBounds,
      );
    } catch (error) {
      const isAway = error instanceof MilepostError && error.code === "store_unavailable";
      if (isAway) throw error;
      // Telling the item once more would find as little room.
      this.#context.onError(error);
    }
  }

  /**
   * Attempts once more to tell the target of a dead letter. Rejects when the store does not answer.
   */
  async again(letterId: string, json: string): Promise<void> {
    const { thing, to } = JSON.parse(json) as { thing: Thing; to: TargetName };
    const errand = writeErrand({ do: "send", thing, to, when: "always" });
    await this.#context.engine.deliveries.add(`again:${letterId}`, errand, 0, deliveryBounds);
  }

  async #note(
    id: string,
    errand: Errand,
    dueInMs: number,
    bounds: DeliveryBounds = deliveryBounds,
  ): Promise<void> {
    try {
      await this.#context.engine.deliveries.add(id, writeErrand(errand), dueInMs, bounds);
    } catch (error) {
      this.#context.onError(error);
    }
  }
}

/** Returns the id of the delivery that tells of an operation's end. */
export function endId({ id, attempt }: Pick<OperationState, "id" | "attempt">): string {
  return `end:${id}:${attempt}`;
}

/** True once an operation has ended: only a retry makes it run again. */
function isOver({ status }: OperationState): boolean {
  return status === "done" || status === "failed" || status === "cancelled" || status === "lost";
}
