import type { Engine, SubscriberKey } from "@milepost/engine";
import type { HubSubscriber } from "../hub/hub-subscriber.ts";
import type { Subscriber } from "../hub/subscriber.ts";
import type { RuleBook } from "../rules/rule-book.ts";

/**
 * Returns the name of the channel that signals a durable subscriber's holder that it was taken over, or that
 * replays were requested. Two subscribers may share one channel, since a signal only makes the holder check its
 * state in the store.
 */
export function signalChannel({ channel, owner, name }: SubscriberKey): string {
  const text = `${name}:${channel}:${owner}`;
  return `gateway:durable:${hash(text, 0x811c9dc5)}${hash(text, 0x01000193)}`;
}

/** Returns a 32-bit FNV-1a hash of a text, so that few subscribers share a channel. */
function hash(text: string, seed: number): string {
  let bits = seed;
  for (let i = 0; i < text.length; i++) {
    bits = Math.imul(bits ^ text.charCodeAt(i), 0x01000193);
  }
  return (bits >>> 0).toString(36);
}

/** Signals the holder of a durable subscriber to check its claim and to read newly requested replays. */
export async function wakeHolder(
  { log }: Engine,
  rules: RuleBook,
  key: SubscriberKey,
): Promise<void> {
  const { name, policy } = rules.of(signalChannel(key));
  await log.append(name, { event: "look", json: "null", publisher: "gateway:durable" }, policy);
}

/** Hub subscriber that calls a function when its channel has new entries. It ignores the entries themselves. */
export class SubscriberSignal implements Subscriber {
  readonly shared = undefined;
  /**
   * Promise that resolves once the function is called for every new entry; rejects when the channel cannot be
   * read.
   */
  readonly started: Promise<void>;
  readonly #onSignal: () => void;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};
  hubSubscriber: HubSubscriber | undefined;

  constructor(onSignal: () => void) {
    this.#onSignal = onSignal;
    this.started = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Nobody may await `started` when it rejects. This handler avoids an unhandled rejection.
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
    this.hubSubscriber?.leave();
  }
}
