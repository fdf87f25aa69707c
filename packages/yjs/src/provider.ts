import type { Subscription } from "@milepost/client";
import type { BuiltInMethods } from "@milepost/model";
import type { MilepostError } from "@milepost/protocol";
import { ObservableV2 } from "lib0/observable";
import { Awareness } from "y-protocols/awareness";
import {
  applyUpdate,
  type Doc,
  encodeStateAsUpdate,
  encodeStateVector,
  equalSnapshots,
  snapshot,
  Doc as YDoc,
} from "yjs";
import { AwarenessChannel } from "./awareness-channel.ts";
import type { DocumentClient } from "./document-client.ts";
import { isUpdate } from "./is-update.ts";
import { Outbox } from "./outbox.ts";
import { Pieces } from "./pieces.ts";

const pageEntries = 1_000;
const retryMs = 1_000;
const defaultBatchMs = 50;

/**
 * Status of a provider: `connecting` until the document is read, `connected`, or `disconnected` while there is no connection.
 */
export type ProviderStatus = "connecting" | "connected" | "disconnected";

type Page = BuiltInMethods["history.get"]["result"];
type Store = BuiltInMethods["gateway.store"]["result"];

/** Events of a provider, with the arguments of their listeners. */
export type ProviderEvents = {
  status: (event: { readonly status: ProviderStatus }) => void;
  /** The document has all that is stored, or no longer: `true` after each complete read. */
  sync: (isSynced: boolean) => void;
  /** Every edit of this page is stored, or no longer. */
  saved: (isSaved: boolean) => void;
  /**
   * The gateway refuses to give the document, or to store this page's edits, and a later attempt would change nothing. The
   * edits stay in the page.
   */
  refused: (error: MilepostError) => void;
  /**
   * An entry of the document's channel is no update of Yjs; it was left out. With `error`, Yjs or a listener of the document
   * has thrown it while the entry was applied.
   */
  malformed: (position: string, error?: unknown) => void;
};

/** Options of a provider. */
export interface ProviderOptions {
  /** Cursors and names of those who have the document open; by default a new one. `null` for none. */
  readonly awareness?: Awareness | null;
  /** Channel of the document; default `document:{name}`. */
  readonly channel?: string;
  /** Channel of cursors; default `awareness:{name}`. */
  readonly awarenessChannel?: string;
  /** Time for which edits are collected before they are sent together, in milliseconds; default 50. */
  readonly batchMs?: number;
  /** False to wait for {@link MilepostProvider.connect}; default true. */
  readonly connect?: boolean;
}

/**
 * Provider that keeps a Yjs document the same as the document of a gateway, in the manner of the provider of `y-websocket`.
 *
 * It reads the document page by page, then receives what others edit. Edits made without a connection are sent when it is
 * back. It reads again what a compaction dropped, so no update is ever missed. It works over every transport of the client.
 */
export class MilepostProvider extends ObservableV2<ProviderEvents> {
  readonly doc: Doc;
  readonly name: string;
  readonly channel: string;
  readonly awareness: Awareness | null;
  readonly #client: DocumentClient;
  readonly #outbox: Outbox;
  readonly #cursors: AwarenessChannel | undefined;
  /** True when this provider made its awareness, whose timer would outlive it. */
  readonly #ownsAwareness: boolean;
  readonly #pieces = new Pieces();
  #subscription: Subscription | undefined;
  #position: string | undefined;
  #status: ProviderStatus = "disconnected";
  #isSynced = false;
  #isWanted = false;
  /** Number of the present attempt to read the document; an earlier attempt that goes on has no effect. */
  #attempt = 0;
  #retry: (() => void) | undefined;
  #forgetState: (() => void) | undefined;

  constructor(client: DocumentClient, name: string, doc: Doc, options: ProviderOptions = {}) {
    super();
    const { awareness = new Awareness(doc), batchMs = defaultBatchMs } = options;
    this.#ownsAwareness = options.awareness === undefined;
    this.doc = doc;
    this.name = name;
    this.channel = options.channel ?? `document:${name}`;
    this.awareness = awareness;
    this.#client = client;
    this.#outbox = new Outbox({
      client,
      channel: this.channel,
      batchMs,
      newId: () => crypto.randomUUID(),
      events: {
        onSaved: (isSaved) => this.emit("saved", [isSaved]),
        onRefused: (error) => this.emit("refused", [error]),
      },
    });
    if (awareness !== null) {
      const channel = options.awarenessChannel ?? `awareness:${name}`;
      this.#cursors = new AwarenessChannel({ client, channel, awareness, batchMs });
    }
    doc.on("update", this.#onUpdate);
    doc.on("destroy", this.#onDestroy);
    if (options.connect !== false) this.connect();
  }

  get status(): ProviderStatus {
    return this.#status;
  }

  /** True when the document has all that is stored. */
  get synced(): boolean {
    return this.#isSynced;
  }

  /** True when every edit of this page is stored. */
  get saved(): boolean {
    return this.#outbox.isSaved;
  }

  /** Starts to keep the document the same; it also connects the client. */
  connect(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#client.connect();
    this.#forgetState = this.#client.onState(() => this.#showStatus());
    this.#cursors?.open();
    void this.#read();
    this.#showStatus();
  }

  /** Stops to keep the document the same. Edits of this page are sent after the next `connect`. */
  disconnect(): void {
    if (!this.#isWanted) return;
    this.#isWanted = false;
    this.#attempt++;
    this.#retry?.();
    this.#retry = undefined;
    this.#outbox.close();
    this.#cursors?.close();
    this.#subscription?.close();
    this.#subscription = undefined;
    this.#forgetState?.();
    this.#setSynced(false);
    this.#showStatus();
  }

  override destroy(): void {
    this.disconnect();
    this.doc.off("update", this.#onUpdate);
    this.doc.off("destroy", this.#onDestroy);
    if (this.#ownsAwareness) this.awareness?.destroy();
    super.destroy();
  }

  /** Returns whether the gateway keeps the document when its process ends; `false` calls for a warning to the person. */
  async isDurable(): Promise<boolean> {
    return ((await this.#client.request("gateway.store", {})) as Store).durable;
  }

  readonly #onUpdate = (update: Uint8Array, origin: unknown): void => {
    if (origin !== this) this.#outbox.add(update);
  };

  readonly #onDestroy = (): void => this.destroy();

  /** Reads the document from where this page is, then subscribes. */
  async #read(): Promise<void> {
    const attempt = ++this.#attempt;
    this.#outbox.close();
    this.#subscription?.close();
    this.#subscription = undefined;
    this.#setSynced(false);
    // What is stored, to find the edits that are in this page alone: made before it connected, or kept by another provider.
    const stored = new YDoc();
    const isFirst = this.#position === undefined;
    try {
      let since = this.#position ?? "start";
      for (;;) {
        const params = { channel: this.channel, since, limit: pageEntries };
        const page = (await this.#client.request("history.get", params)) as Page;
        if (attempt !== this.#attempt) return;
        for (const { data, position } of page.entries) this.#take(data, position, stored);
        since = page.position;
        this.#position = since;
        if (page.entries.length === 0) break;
      }
      if (isFirst) this.#addMissing(stored);
      this.#subscribe(since);
      this.#outbox.open();
      this.#setSynced(true);
      this.#showStatus();
    } catch (error) {
      if (attempt === this.#attempt) this.#onReadFailed(error);
    } finally {
      stored.destroy();
    }
  }

  #onReadFailed(error: unknown): void {
    const { retryable = true, code, retryAfterMs = 0 } = (error ?? {}) as Partial<MilepostError>;
    if (!retryable && code !== "timed_out") {
      this.emit("refused", [error as MilepostError]);
      return;
    }
    this.#retry?.();
    const waitMs = Math.max(retryMs, retryAfterMs);
    this.#retry = this.#client.clock.after(waitMs, () => void this.#read());
  }

  #subscribe(since: string): void {
    this.#subscription = this.#client.channel(this.channel).subscribe(
      {
        onEvent: ({ data, position }) => {
          this.#position = position;
          this.#take(data, position);
        },
        // A compaction dropped entries that this page has not read. Its result says the same, and may stand before the gap's end.
        onGap: () => void this.#read(),
        onReset: () => void this.#read(),
        onError: (error) => {
          if (this.#isWanted) this.#onReadFailed(error);
        },
      },
      { since },
    );
    this.#subscription.ready.catch(() => {});
  }

  #take(data: unknown, position: string, stored?: Doc): void {
    const isWhole = !isPiece(data);
    const update = this.#pieces.take(data);
    if (update === undefined) {
      if (isWhole) this.emit("malformed", [position, undefined]);
      return;
    }
    if (!isUpdate(update)) {
      this.emit("malformed", [position, undefined]);
      return;
    }
    try {
      if (stored !== undefined) applyUpdate(stored, update);
      applyUpdate(this.doc, update, this);
    } catch (error) {
      // Bytes that can be read as an update may still be none that Yjs can apply. A listener of the document may throw too.
      this.emit("malformed", [position, error]);
    }
  }

  /** Sends what this page has and the gateway has not. */
  #addMissing(stored: Doc): void {
    if (equalSnapshots(snapshot(this.doc), snapshot(stored))) return;
    this.#outbox.add(encodeStateAsUpdate(this.doc, encodeStateVector(stored)));
  }

  #setSynced(isSynced: boolean): void {
    if (this.#isSynced === isSynced) return;
    this.#isSynced = isSynced;
    this.emit("sync", [isSynced]);
  }

  #showStatus(): void {
    const { state } = this.#client.state;
    let status: ProviderStatus = "disconnected";
    if (this.#isWanted && state === "connected")
      status = this.#isSynced ? "connected" : "connecting";
    else if (this.#isWanted && state === "connecting") status = "connecting";
    if (status === this.#status) return;
    this.#status = status;
    this.emit("status", [{ status }]);
  }
}

function isPiece(data: unknown): boolean {
  return typeof data === "object" && data !== null && "id" in data;
}
