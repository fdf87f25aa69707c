import { foldPresence } from "@milepost/model";
import type { MilepostError, PresenceChange, PresenceList } from "@milepost/protocol";
import type { Subscription, SubscriptionState } from "../channel/channel.ts";
import type { Client } from "../client.ts";
import { followReopening } from "../connection/identity.ts";
import type { Cancel } from "../runtime/clock.ts";
import { ChangeListeners } from "../runtime/listeners.ts";
import { Reporter } from "../runtime/reporter.ts";
import type { ChannelPresence, PresenceView } from "./presence.ts";
import { TypingSignal } from "./typing-signal.ts";

/** Where one cannot be present, who is there is asked for so often. */
const askEveryMs = 5_000;
const askTimeoutMs = 10_000;
/** More changes than this while the list is asked for make it be asked for again. */
const maxWaiting = 100;

const nobody: readonly never[] = [];
const loading: PresenceView = {
  status: "loading",
  members: nobody,
  count: 0,
  typing: nobody,
  error: undefined,
};

/** Who is in a channel, folded from what the service tells. */
export class LivePresence implements ChannelPresence {
  readonly channel: string;
  readonly #client: Client;
  readonly #listeners = new ChangeListeners(new Reporter(undefined));
  readonly #typing: TypingSignal;
  #subscription: Subscription | undefined;
  #unfollow: (() => void) | undefined;
  #list: PresenceList | undefined;
  #error: MilepostError | undefined;
  /** Whether what is known is what the service tells now. */
  #isLive = false;
  /** Changes that came while the list is asked for; undefined when it is not. */
  #waiting: PresenceChange[] | undefined;
  #asksAgain: Cancel | undefined;
  /** Counts connections, so that what an older one still answers is known as such. */
  #generation = 0;
  #view: PresenceView = loading;

  constructor(client: Client, channel: string) {
    // Throws for what is no name.
    client.channel(channel);
    this.channel = channel;
    this.#client = client;
    this.#typing = new TypingSignal(client.clock, (typing) => this.#say(typing));
  }

  get self(): string | undefined {
    const { state } = this.#client;
    if (state.state !== "connected") return undefined;
    if (state.userId !== null) return `user:${state.userId}`;
    return state.sessionId === null ? undefined : `session:${state.sessionId}`;
  }

  getSnapshot(): PresenceView {
    return this.#view;
  }

  subscribe(listener: () => void): () => void {
    const remove = this.#listeners.add(listener);
    if (this.#listeners.size === 1) {
      this.#start();
      this.#unfollow = followReopening(this.#client, () => {
        if (this.#subscription?.state === "failed") this.#start();
      });
    }
    let listens = true;
    return () => {
      if (!listens) return;
      listens = false;
      remove();
      if (this.#listeners.size === 0) this.#stop();
    };
  }

  setTyping(typing: boolean): void {
    if (this.#listeners.size > 0) this.#typing.set(typing);
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

  #stop(): void {
    this.#typing.set(false);
    this.#unfollow?.();
    this.#subscription?.close();
    this.#interrupted();
  }

  #onState(state: SubscriptionState): void {
    if (state !== "live") {
      this.#interrupted();
      return;
    }
    // The list comes with the answer, or not at all.
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
    // An answer that is still to come may be older.
    this.#waiting = undefined;
    const wasLive = this.#isLive;
    this.#isLive = true;
    if (!wasLive) this.#typing.again();
    this.#changed();
  }

  #takeChange(change: PresenceChange): void {
    if (this.#waiting !== undefined) {
      if (this.#waiting.length < maxWaiting) this.#waiting.push(change);
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

  /** Asks for the whole list: something was missed, or nothing is told. */
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
    // What is not said now is said with the next list, if it still holds.
    if (!this.#isLive) return;
    const params = { channel: this.channel, typing };
    this.#client
      .request("presence.typing", params, { timeoutMs: askTimeoutMs })
      // It holds for seconds; the next time it is said makes it good.
      .catch(() => {});
  }

  #changed(): void {
    this.#view = this.#refresh();
    this.#listeners.changed();
  }

  #refresh(): PresenceView {
    const error = this.#error;
    const { members: subscribers = nobody, count = 0, typing = nobody } = this.#list ?? {};
    return { status: this.#status(), members: subscribers, count, typing, error };
  }

  #status(): PresenceView["status"] {
    if (this.#error !== undefined) return "failed";
    if (this.#list === undefined) return "loading";
    return this.#subscription?.state === "live" ? "live" : "stale";
  }
}
