import { type ChatMessage, type ChatState, chatProjection } from "@milepost/model";
import { isRecord, type MilepostError, parsePosition, type Snapshot } from "@milepost/protocol";
import type {
  ChannelEnd,
  Published,
  PublishOptions,
  Subscription,
  SubscriptionState,
} from "../channel/channel.ts";
import type { Client } from "../client.ts";
import { followReopening } from "../connection/identity.ts";
import { ChangeListeners } from "../runtime/listeners.ts";
import { Reporter } from "../runtime/reporter.ts";

/** A chat as a page shows it; messages that did not change keep their identity. */
export interface ChatView {
  /** `starting` until the first answer; `interrupted` while what is shown may be old. */
  readonly status: SubscriptionState;
  /** The oldest first; one that is not complete is being written. */
  readonly messages: readonly ChatMessage[];
  readonly agent: ChatState["agent"];
  /** The chat is over. */
  readonly end: ChannelEnd | undefined;
  readonly error: MilepostError | undefined;
}

/** What goes with a message. */
export interface SendOptions extends PublishOptions {
  /** Names the message; its place in the log does when absent. */
  readonly id?: string;
  /** `user` when absent. */
  readonly role?: string;
  readonly attachments?: readonly unknown[];
}

/** One chat; subscribed while somebody listens, and taken up again where it stopped. */
export interface Chat {
  readonly id: string;
  /** The same object until something changed. */
  readonly view: ChatView;
  /** The same, for stores. */
  getSnapshot(): ChatView;
  subscribe(listener: () => void): () => void;
  /** What is in the log; the messages that were sent come back as everybody's do. */
  messages(): readonly ChatMessage[];
  /** Resolves once it is in the log. */
  send(content: string, options?: SendOptions): Promise<Published>;
  /**
   * A message while it is written: each item is all of it so far, the last one is complete. Waits for one that has
   * yet to begin. Rejects with the signal's reason, and with the error when the chat cannot be read; ends early
   * when the chat is over.
   */
  answer(
    messageId: string,
    options?: { readonly signal?: AbortSignal },
  ): AsyncGenerator<ChatMessage, void>;
}

/** Opens the chat of channel `chat:{id}`; `invalid_channel` when there can be none of that id. */
export function openChat(client: Pick<Client, "channel" | "onState">, id: string): Chat {
  return new LiveChat(client, id);
}

const none: readonly ChatMessage[] = [];

class LiveChat implements Chat {
  readonly id: string;
  readonly #client: Pick<Client, "channel" | "onState">;
  readonly #channel: ReturnType<Client["channel"]>;
  readonly #listeners = new ChangeListeners(new Reporter(undefined));
  #state: ChatState | undefined;
  #subscription: Subscription | undefined;
  #end: ChannelEnd | undefined;
  #error: MilepostError | undefined;
  #unfollow: (() => void) | undefined;
  #view: ChatView | undefined;

  constructor(client: Pick<Client, "channel" | "onState">, id: string) {
    this.id = id;
    this.#client = client;
    this.#channel = client.channel(`chat:${id}`);
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
      if (this.#listeners.size > 0) return;
      this.#unfollow?.();
      this.#subscription?.close();
      this.#changed();
    };
  }

  send(content: string, options: SendOptions = {}): Promise<Published> {
    const { id, role = "user", attachments, ...publish } = options;
    const message = {
      ...(id !== undefined && { id }),
      content,
      role,
      ...(attachments !== undefined && { attachments }),
    };
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
        // What came while the loop's body ran woke nobody.
        if (this.messages() === messages) await changed;
      }
    } finally {
      stop();
    }
  }

  #start(): void {
    this.#error = undefined;
    this.#subscription = this.#open(this.#subscription?.position);
    this.#changed();
  }

  #open(since: string | undefined): Subscription {
    return this.#channel.subscribe(
      {
        onEvent: ({ event, data, ts, position }) => {
          const at = parsePosition(position);
          const offset = at.ok ? at.value.offset : 0;
          this.#state = chatProjection.reduce(this.#state, { event, data, ts, offset });
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
      // With a state it goes on from there; without, the state comes first.
      since !== undefined && this.#state !== undefined ? { since } : {},
    );
  }

  #replace({ projection, state }: Snapshot): void {
    const isState = projection === "chat" && isRecord(state) && Array.isArray(state.messages);
    // The service folds with the same reducer; what it says is the state.
    this.#state = isState ? (state as unknown as ChatState) : undefined;
    this.#end = undefined;
    this.#changed();
  }

  #changed(): void {
    this.#view = undefined;
    this.#listeners.changed();
  }
}
