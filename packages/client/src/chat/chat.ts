import { type ChatMessage, type ChatState, chatProjection } from "@milepost/model";
import {
  definedFields,
  isRecord,
  type MilepostError,
  readPosition,
  type Snapshot,
} from "@milepost/protocol";
import type {
  ChannelEnd,
  Published,
  PublishOptions,
  Subscription,
  SubscriptionState,
} from "../channel/channel.ts";
import { reporterOf } from "../channel/channel-requests.ts";
import { idOf } from "../channel/id-of.ts";
import type { Client } from "../client.ts";
import { followReopening } from "../connection/identity.ts";
import { ChangeListeners } from "../runtime/listeners.ts";

/** View of a chat for a page. Messages that did not change stay the same objects from one view to the next. */
export interface ChatView {
  /** Subscription state: `starting` until the first answer, `interrupted` while what is shown may be old. */
  readonly status: SubscriptionState;
  /** Messages, oldest first; an incomplete one is still being written. */
  readonly messages: readonly ChatMessage[];
  readonly agent: ChatState["agent"];
  /** End of the chat's stream; undefined until the stream ends. */
  readonly end: ChannelEnd | undefined;
  readonly error: MilepostError | undefined;
}

/** Options for sending a chat message. */
export interface SendOptions extends PublishOptions {
  /** Id of the message; default `@{offset}`, from its offset in the log. */
  readonly id?: string;
  /** Role of the author; default `user`. */
  readonly role?: string;
  readonly attachments?: readonly unknown[];
}

/**
 * Handle of one chat. The client subscribes to the chat while the handle has listeners. When listeners return,
 * it resumes after the last position.
 */
export interface Chat {
  readonly id: string;
  /** Current view; the same object until something changes. */
  readonly view: ChatView;
  /** Returns the current view, for stores such as React's `useSyncExternalStore`. */
  getSnapshot(): ChatView;
  subscribe(listener: () => void): () => void;
  /**
   * Returns the messages received from the log. A message sent by this client also appears only once the log
   * delivers it.
   */
  messages(): readonly ChatMessage[];
  /** Sends a message; resolves once it is in the log. */
  send(content: string, options?: SendOptions): Promise<Published>;
  /**
   * Yields the message `messageId` while it is written: each item has the whole text so far, and the last one
   * is complete. Waits if the message has not begun. Ends early when the chat ends. Rejects with the signal's
   * reason when the signal is aborted, and with the error when the subscription fails.
   */
  answer(
    messageId: string,
    options?: { readonly signal?: AbortSignal },
  ): AsyncGenerator<ChatMessage, void>;
}

/**
 * Opens the chat of channel `chat:{id}`; `id` may also be the whole name of the channel. Throws `invalid_channel`
 * when it makes no valid channel name.
 */
export function openChat(client: Pick<Client, "channel" | "onState">, id: string): Chat {
  return new LiveChat(client, id);
}

const none: readonly ChatMessage[] = [];

class LiveChat implements Chat {
  readonly id: string;
  readonly #client: Pick<Client, "channel" | "onState">;
  readonly #channel: ReturnType<Client["channel"]>;
  readonly #listeners: ChangeListeners;
  #state: ChatState | undefined;
  #subscription: Subscription | undefined;
  #end: ChannelEnd | undefined;
  #error: MilepostError | undefined;
  #view: ChatView | undefined;

  constructor(client: Pick<Client, "channel" | "onState">, id: string) {
    this.id = idOf("chat", id);
    this.#client = client;
    this.#channel = client.channel(`chat:${this.id}`);
    this.#listeners = new ChangeListeners(reporterOf(this.#channel), () => this.#follow());
  }

  get view(): ChatView {
    this.#view ??= {
      status: this.#subscription?.state ?? "starting",
      messages: this.messages(),
      agent: this.#state?.agent,
      end: this.#end,
      error: this.#error,
    };
    return this.#view;
  }

  getSnapshot(): ChatView {
    return this.view;
  }

  messages(): readonly ChatMessage[] {
    return this.#state?.messages ?? none;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  send(content: string, options: SendOptions = {}): Promise<Published> {
    const { id, role = "user", attachments, ...publish } = options;
    const message = definedFields({ id, content, role, attachments });
    return this.#channel.publish("chat_message", message, publish);
  }

  async *answer(
    messageId: string,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<ChatMessage, void> {
    let wake = () => {};
    const stop = this.subscribe(() => wake());
    signal?.addEventListener("abort", () => wake(), { once: true });
    try {
      let told: ChatMessage | undefined;
      for (;;) {
        const changed = new Promise<void>((resolve) => {
          wake = resolve;
        });
        signal?.throwIfAborted();
        const { messages, error, end } = this.view;
        const message = messages.find(({ id }) => id === messageId);
        if (message !== undefined && message !== told) yield message;
        told = message;
        if (message?.isComplete || end !== undefined) return;
        if (error !== undefined) throw error;
        // If a message arrived while the caller handled the last item, the loop continues at once instead of
        // waiting.
        if (this.messages() === messages) await changed;
      }
    } finally {
      stop();
    }
  }

  /** Subscribes to the chat. Returns a function that closes the subscription. */
  #follow(): () => void {
    this.#start();
    const unfollow = followReopening(this.#client, () => {
      if (this.#subscription?.state === "failed") this.#start();
    });
    return () => {
      unfollow();
      this.#subscription?.close();
      this.#changed();
    };
  }

  #start(): void {
    this.#error = undefined;
    this.#subscription = this.#open(this.#subscription?.position);
    this.#changed();
  }

  #open(since: string | undefined): Subscription {
    return this.#channel.subscribe(
      {
        onEvent: ({ position, ...entry }) => {
          const offset = readPosition(position)?.offset ?? 0;
          this.#state = chatProjection.reduce(this.#state, { ...entry, offset });
          this.#changed();
        },
        onSnapshot: ({ snapshot }) => this.#replace(snapshot),
        onReset: ({ snapshot }) => this.#replace(snapshot),
        onEnd: (end) => {
          this.#end = end;
          this.#changed();
        },
        onState: () => this.#changed(),
        onError: (error) => {
          this.#error = error;
          this.#changed();
        },
      },
      // With a known state, the chat resumes from its position. Without one, the gateway sends a snapshot
      // first.
      this.#state === undefined ? {} : definedFields({ since }),
    );
  }

  #replace({ projection, state }: Snapshot): void {
    const isState = projection === "chat" && isRecord(state) && Array.isArray(state.messages);
    // The gateway folds with the same reducer, so its state replaces the local one.
    this.#state = isState ? (state as unknown as ChatState) : undefined;
    this.#end = undefined;
    this.#changed();
  }

  #changed(): void {
    this.#view = undefined;
    this.#listeners.changed();
  }
}
