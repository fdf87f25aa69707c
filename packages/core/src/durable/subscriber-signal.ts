import type { Engine, SubscriberKey } from "@milepost/engine";
import type { HubSubscriber } from "../hub/hub-subscriber.ts";
import type { Subscriber } from "../hub/subscriber.ts";
import type { RuleBook } from "../rules/rule-book.ts";

/**
 * The channel that tells the holder of a durable subscriber to look: it was taken over, or there are replays. Two may
 * share one, since it wakes and does not say what for.
 */
export function signalChannel({ channel, owner, name }: SubscriberKey): string {
  const text = `${name}:${channel}:${owner}`;
  return `gateway:durable:${hash(text, 0x811c9dc5)}${hash(text, 0x01000193)}`;
}

/** 32 bits of a text, spread well enough to share little (FNV-1a). */
function hash(text: string, seed: number): string {
  let bits = seed;
  for (let i = 0; i < text.length; i++) {
    bits = Math.imul(bits ^ text.charCodeAt(i), 0x01000193);
  }
  return (bits >>> 0).toString(36);
}

/** Makes the holder of a subscriber look. */
export async function wakeHolder(
  { log }: Engine,
  rules: RuleBook,
  key: SubscriberKey,
): Promise<void> {
  const { name, policy } = rules.of(signalChannel(key));
  await log.append(name, { event: "look", json: "null", publisher: "gateway:durable" }, policy);
}

/** Reads a channel only to be told when there is something new in it. */
export class SubscriberSignal implements Subscriber {
  readonly shared = undefined;
  /** Resolves when nothing new is missed from now on; rejects when the channel cannot be read. */
  readonly started: Promise<void>;
  readonly #onSignal: () => void;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};
  member: HubSubscriber | undefined;

  constructor(onNews: () => void) {
    this.#onSignal = onNews;
    this.started = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever gave up waiting for it hears of the failure elsewhere.
    this.started.catch(() => {});
  }

  onStart(): void {
    this.#resolve();
    this.#onSignal();
  }

  onFailed(error: unknown): void {
    this.#reject(error);
  }

  onPublications(): void {
    this.#onSignal();
  }

  onGap(): void {
    this.#onSignal();
  }

  onReset(): void {
    this.#onSignal();
  }

  onEnd(): void {
    this.#onSignal();
  }

  drained(): undefined {
    return undefined;
  }

  leave(): void {
    this.member?.leave();
  }
}
