import type { Fact } from "@milepost/checker";
import { Journal } from "../journal.ts";

/** Journal that also remembers the last acknowledged position of each channel, and how many publishes failed. */
export class WatchedJournal extends Journal {
  /** Last acknowledged position, by channel. */
  readonly acknowledged = new Map<string, string>();
  stored = 0;
  refused = 0;
  deliveries = 0;
  gaps = 0;
  resets = 0;
  readonly #channels = new Map<string, string>();

  override add(fact: Fact): void {
    super.add(fact);
    switch (fact.type) {
      case "publish":
        this.#channels.set(fact.publisher, fact.channel);
        return;
      case "published": {
        const channel = this.#channels.get(fact.publisher);
        if (fact.outcome !== "stored") this.refused++;
        else {
          this.stored++;
          if (channel !== undefined && fact.position !== undefined) {
            this.acknowledged.set(channel, fact.position);
          }
        }
        return;
      }
      case "delivery":
        this.deliveries++;
        return;
      case "gap":
        this.gaps++;
        return;
      case "reset":
        this.resets++;
        return;
    }
  }
}

/** Returns true if a position is that of another one or later in the same log. */
export function isAtLeast(position: string | undefined, other: string): boolean {
  if (position === undefined) return false;
  const [epoch = "", offset] = position.split(".");
  const [wanted = "", least] = other.split(".");
  return epoch === wanted && Number(offset) >= Number(least);
}
