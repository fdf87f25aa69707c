import { foldPresence } from "@milepost/model";
import type { MilepostError, PresenceChange, PresenceList } from "@milepost/protocol";
import type { Subscription, SubscriptionState } from "../channel/channel.ts";
import { reporterOf } from "../channel/channel-requests.ts";
import type { Client } from "../client.ts";
import { followReopening } from "../connection/identity.ts";
import type { Cancel } from "../runtime/clock.ts";
import { ChangeListeners } from "../runtime/listeners.ts";
import type { ChannelPresence, PresenceView } from "./presence-view.ts";
import { TypingSignal } from "./typing-signal.ts";

/**
 * Interval between requests for the presence list while the gateway sends no presence (long-poll), in
 * milliseconds.
 */
const askEveryMs = 5_000;
const askTimeoutMs = 10_000;
/**
 * Maximum number of presence changes kept while a request for the list is pending; beyond it the oldest is
 * dropped. If the list does not include the dropped changes, the kept ones do not follow it, and the client
 * requests the list again.
 */
const maxWaiting = 100;

const nobody: readonly never[] = [];
const loading: PresenceView = {
  status: "loading",
  members: nobody,
  count: 0,
  typing: nobody,
  error: undefined,
};

/** Presence of a channel, folded from the gateway's messages. */
export class LivePresence implements ChannelPresence {
  readonly channel: string;
  readonly #client: Client;
  readonly #listeners: ChangeListeners;
  readonly #typing: TypingSignal;
  #subscription: Subscription | undefined;
  #list: PresenceList | undefined;
  #error: MilepostError | undefined;
  /** True while the gateway sends presence on the current subscription. */
  #isLive = false;
  /** Changes that arrived while the list is requested; undefined when no request is pending. */
  #waiting: PresenceChange[] | undefined;
  #asksAgain: Cancel | undefined;
  /** Number of the current subscription period. Answers to requests of earlier ones are ignored. */
  #generation = 0;
  #view: PresenceView = loading;

  constructor(client: Client, channel: string) {
    // `client.channel` throws for an invalid channel name.
    const reporter = reporterOf(client.channel(channel));
    this.#listeners = new ChangeListeners(reporter, () => this.#follow());
    this.channel = channel;
    this.#client = client;
    this.#typing = new TypingSignal(client.clock, (typing) => this.#say(typing));
  }

  get self(): string | undefined {
    const { state } = this.#client;
    return state.state === "connected" ? (state.userChannel ?? state.sessionChannel) : undefined;
  }

  getSnapshot(): PresenceView {
    return this.#view;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  setTyping(typing: boolean): void {
    if (this.#listeners.size > 0) this.#typing.set(typing);
  }

  /**
   * Subscribes to the channel's presence. Returns a function that ends the typing and closes the subscription.
   */
  #follow(): () => void {
    this.#start();
    const unfollow = followReopening(this.#client, () => {
      if (this.#subscription?.state === "failed") this.#start();
    });
    return () => {
      this.#typing.set(false);
      unfollow();
      this.#subscription?.close();
      this.#interrupted();
    };
  }

  #start(): void {
    this.#error = undefined;
    this.#subscription = this.#client.channel(this.channel).subscribe(
      {
        onPresence: (news) => this.#take(news),
        onState: (state) => this.#onState(state),
        onError: (error) => {
          this.#error = error;
          this.#changed();
        },
      },
      { presence: true, events: [], since: "now" },
    );
  }

  #onState(state: SubscriptionState): void {
    if (state !== "live") {
      this.#interrupted();
      return;
    }
    // If the gateway sends presence at all, the list arrives together with the answer. Otherwise the client
    // requests the list.
    const generation = this.#generation;
    queueMicrotask(() => {
      const isPolling = generation === this.#generation && !this.#isLive;
      if (isPolling && this.#listeners.size > 0) this.#ask();
    });
  }

  #interrupted(): void {
    this.#generation++;
    this.#isLive = false;
    this.#waiting = undefined;
    this.#asksAgain?.();
    this.#asksAgain = undefined;
    this.#changed();
  }

  #take(news: PresenceList | PresenceChange): void {
    if ("since" in news) {
      this.#takeChange(news);
      return;
    }
    this.#list = foldPresence(this.#list, news);
    // The answer to a pending request for the list may be older than this list, so the kept changes are
    // dropped.
    this.#waiting = undefined;
    const wasLive = this.#isLive;
    this.#isLive = true;
    if (!wasLive) this.#typing.again();
    this.#changed();
  }

  #takeChange(change: PresenceChange): void {
    if (this.#waiting !== undefined) {
      this.#waiting.push(change);
      if (this.#waiting.length > maxWaiting) this.#waiting.shift();
      return;
    }
    const next = foldPresence(this.#list, change);
    if (next === undefined) {
      this.#waiting = [change];
      this.#ask();
      return;
    }
    if (next === this.#list) return;
    this.#list = next;
    this.#changed();
  }

  /** Requests the whole list, because a change was missed or the gateway sends no presence. */
  #ask(): void {
    const generation = this.#generation;
    const options = { timeoutMs: askTimeoutMs };
    this.#client.request("presence.get", { channel: this.channel }, options).then(
      (list) => {
        if (generation === this.#generation) this.#answered(list as PresenceList);
      },
      () => {
        if (generation === this.#generation) this.#askLater();
      },
    );
  }

  #answered(list: PresenceList): void {
    const waiting = this.#waiting ?? [];
    const isTold = this.#isLive;
    this.#waiting = undefined;
    this.#list = foldPresence(this.#list, list);
    this.#changed();
    for (const change of waiting) this.#takeChange(change);
    if (!isTold) this.#askLater();
  }

  #askLater(): void {
    this.#asksAgain?.();
    this.#asksAgain = this.#client.clock.after(askEveryMs, () => this.#ask());
  }

  #say(typing: boolean): void {
    // A signal that cannot be sent now is sent after the next list, if the member still types.
    if (!this.#isLive) return;
    const params = { channel: this.channel, typing };
    this.#client
      .request("presence.typing", params, { timeoutMs: askTimeoutMs })
      // A lost typing signal is not reported: it expires within seconds, and the next one replaces it.
      .catch(() => {});
  }

  #changed(): void {
    this.#view = this.#refresh();
    this.#listeners.changed();
  }

  #refresh(): PresenceView {
    const error = this.#error;
    const { members = nobody, count = 0, typing = nobody } = this.#list ?? {};
    return { status: this.#status(), members, count, typing, error };
  }

  #status(): PresenceView["status"] {
    if (this.#error !== undefined) return "failed";
    if (this.#list === undefined) return "loading";
    return this.#subscription?.state === "live" ? "live" : "stale";
  }
}
