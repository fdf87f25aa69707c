import type { Subscription } from "@milepost/client";
import { isRecord } from "@milepost/protocol";
import { toBase64 } from "lib0/buffer";
import {
  type Awareness,
  applyAwarenessUpdate,
  encodeAwarenessUpdate,
  removeAwarenessStates,
} from "y-protocols/awareness";
import type { DocumentClient } from "./document-client.ts";
import { bytesOf } from "./update-text.ts";

/** Event of the states of one or more pages of a document. */
export const awarenessEvent = "awareness";

/** Number of latest entries from which a page learns of the others when it opens. */
const latest = 200;
const maxStateLength = 65_536;

interface Changes {
  readonly added: readonly number[];
  readonly updated: readonly number[];
  readonly removed: readonly number[];
}

/** Options of an {@link AwarenessChannel}. */
export interface AwarenessOptions {
  readonly client: DocumentClient;
  readonly channel: string;
  readonly awareness: Awareness;
  readonly batchMs: number;
}

/**
 * Cursors, names and colours of the people who have a document open.
 *
 * A change of this page is published after `batchMs`, together with those that follow. A page that closes takes its cursor
 * along. Where a page ends without a word, its person leaves the presence of the channel a few seconds later, and its cursors
 * go with it; after 30 s they go in any case.
 */
export class AwarenessChannel {
  readonly #options: AwarenessOptions;
  /** Member of presence to which a page belongs, by the id that Yjs gave the page. */
  readonly #members = new Map<number, string>();
  #subscription: Subscription | undefined;
  #cancel: (() => void) | undefined;

  constructor(options: AwarenessOptions) {
    this.#options = options;
  }

  open(): void {
    const { client, channel, awareness } = this.#options;
    this.#subscription = client.channel(channel).subscribe(
      {
        onEvent: ({ event, data, publisher }) => {
          if (event === awarenessEvent) this.#take(data, publisher);
        },
        onPresence: (news) => {
          if ("left" in news) for (const member of news.left) this.#left(member);
        },
        // What comes after a gap or a reconnect is newer than what was lost.
        onState: (state) => {
          if (state === "live") this.#sendLater();
        },
        // A channel that is not allowed leaves the document without cursors.
        onError: () => {},
      },
      { since: { last: latest }, presence: true },
    );
    this.#subscription.ready.catch(() => {});
    awareness.on("update", this.#onUpdate);
  }

  close(): void {
    const { awareness } = this.#options;
    awareness.off("update", this.#onUpdate);
    this.#cancel?.();
    this.#cancel = undefined;
    this.#publish(encodeGone(awareness));
    const others = [...awareness.getStates().keys()].filter((id) => id !== awareness.clientID);
    removeAwarenessStates(awareness, others, this);
    this.#subscription?.close();
    this.#subscription = undefined;
    this.#members.clear();
  }

  readonly #onUpdate = ({ added, updated, removed }: Changes, origin: unknown): void => {
    const own = this.#options.awareness.clientID;
    for (const id of removed) this.#members.delete(id);
    if (origin === this) return;
    if ([...added, ...updated, ...removed].includes(own)) this.#sendLater();
  };

  #sendLater(): void {
    const { client, awareness, batchMs } = this.#options;
    if (this.#cancel !== undefined || awareness.getLocalState() === null) return;
    this.#cancel = client.clock.after(batchMs, () => {
      this.#cancel = undefined;
      this.#publish(encodeAwarenessUpdate(awareness, [awareness.clientID]));
    });
  }

  #publish(update: Uint8Array): void {
    const { client, channel, awareness } = this.#options;
    // A cursor matters now or not at all.
    if (client.state.state !== "connected") return;
    const data = { page: awareness.clientID, states: toBase64(update) };
    client.publish(channel, awarenessEvent, data, { timeoutMs: 10_000 }).catch(() => {});
  }

  #take(data: unknown, publisher: string | undefined): void {
    if (!isRecord(data) || typeof data.states !== "string") return;
    const { page, states } = data;
    if (states.length > maxStateLength || page === this.#options.awareness.clientID) return;
    const update = bytesOf(states);
    if (update === undefined) return;
    try {
      applyAwarenessUpdate(this.#options.awareness, update, this);
    } catch {
      return;
    }
    if (typeof page !== "number" || publisher === undefined) return;
    // The id of a member is the name of a publisher. The gateway has verified it, so nobody can pass for another.
    if (this.#options.awareness.getStates().has(page)) this.#members.set(page, publisher);
  }

  #left(member: string): void {
    const pages = [...this.#members].filter(([, of]) => of === member).map(([page]) => page);
    if (pages.length > 0) removeAwarenessStates(this.#options.awareness, pages, this);
  }
}

/** Returns the update that says that this page has gone. */
function encodeGone(awareness: Awareness): Uint8Array {
  const { clientID } = awareness;
  const states = new Map(awareness.getStates());
  states.delete(clientID);
  return encodeAwarenessUpdate(awareness, [clientID], states);
}
