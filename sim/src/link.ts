import type { Encoder, Transport, TransportEvents } from "@milepost/core";
import { unframed } from "@milepost/core/testing/test-encoder";
import type { SeededRandom } from "./seeded-random.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** Callbacks of the client's end of a link. */
export interface ClientEnd {
  onOpen(): void;
  onText(text: string): void;
  onClose(code: number, reason: string): void;
}

/** End of a link as the node saw it, with the largest number of bytes that the transport held. */
export interface LinkEnd {
  readonly code: number;
  readonly by: "node" | "network" | "client";
  readonly peakBytes: number;
}

/** Hook that alters the messages between the two ends, for mutants. */
export interface Tamper {
  outbound(texts: readonly string[]): readonly string[];
  /** Returns the message to deliver; undefined drops it. */
  inbound(text: string): string | undefined;
}

type Parcel =
  | { readonly kind: "open" }
  | { readonly kind: "texts"; readonly texts: readonly string[]; readonly size: number }
  | { readonly kind: "ping" }
  | { readonly kind: "close"; readonly code: number; readonly reason: string };

const maxWayMs = 25;
/** Bytes that the kernel of a peer accepts while the peer reads nothing. */
const kernelBytes = 16 * 1_024;

/**
 * Connection between a client and a node: two directions that keep their order, each with its own delays.
 *
 * It can break (both ends learn it) or go silent (neither end learns it), and its client can stop reading.
 */
export class Link implements Transport {
  readonly encoder: Encoder;
  readonly name: string;
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;
  readonly #client: ClientEnd;
  readonly #onEnd: (end: LinkEnd) => void;
  tamper: Tamper | undefined;
  /** Called with the messages that the node sends, while a caller waits for an answer among them. */
  observe: ((texts: readonly string[]) => void) | undefined;
  #events: TransportEvents | undefined;
  #downAt = 0;
  #upAt = 0;
  /** Parcels that the client has not read; their bytes fill the node's buffer. */
  #unread: Parcel[] = [];
  #unreadBytes = 0;
  #peakBytes = 0;
  #writtenBytes = 0;
  #isStalled = false;
  #isSilent = false;
  /** True once the node's end is closed for good. */
  #nodeGone = false;
  #clientGone = false;
  /** True once the node has sent its close. */
  #closing = false;
  #ended = false;

  constructor(
    name: string,
    encoder: Encoder,
    time: VirtualTime,
    random: SeededRandom,
    client: ClientEnd,
    onEnd: (end: LinkEnd) => void,
  ) {
    this.name = name;
    this.encoder = encoder;
    this.#time = time;
    this.#random = random;
    this.#client = client;
    this.#onEnd = onEnd;
  }

  get bufferedBytes(): number {
    return Math.max(0, this.#unreadBytes - kernelBytes);
  }

  get isOver(): boolean {
    return this.#nodeGone || this.#clientGone;
  }

  /** Completes the upgrade, which opens the client's end. */
  open(): void {
    this.#send({ kind: "open" });
  }

  attach(events: TransportEvents): void {
    this.#events = events;
  }

  // Methods of the node's end.

  write(bytes: Uint8Array): void {
    if (this.#nodeGone) return;
    let texts: readonly string[] = unframed(bytes);
    this.observe?.(texts);
    this.#writtenBytes += bytes.length;
    if (this.tamper !== undefined) texts = this.tamper.outbound(texts);
    this.#send({ kind: "texts", texts, size: bytes.length });
  }

  close(code: number, reason: string): void {
    if (this.#nodeGone || this.#closing) return;
    this.#closing = true;
    this.#end(code, "node");
    this.#send({ kind: "close", code, reason });
  }

  terminate(): void {
    if (this.#nodeGone) return;
    this.#end(1006, "node");
    this.#nodeEndSoon();
    if (!this.#isSilent) this.#down(() => this.#closeClient(1006, ""));
  }

  ping(): void {
    this.#send({ kind: "ping" });
  }

  // Methods of the client's end.

  sendText(text: string): void {
    if (this.#clientGone) return;
    this.#up(() => {
      const read = this.tamper === undefined ? text : this.tamper.inbound(text);
      if (read !== undefined) this.#events?.onText(read);
    });
  }

  closeFromClient(): void {
    if (this.#clientGone) return;
    this.#up(() => this.#endNode(1000, "client"));
    // The other end answers the close; if it does not, the platform gives up.
    const wayMs = this.#isSilent || this.#nodeGone ? 1_000 : 2 * maxWayMs;
    this.#time.after(wayMs, () => this.#closeClient(1000, ""));
  }

  /** Ends the client's process; the node learns of it unless the link is silent. */
  abandonByClient(): void {
    this.#clientGone = true;
    this.#up(() => this.#endNode(1006, "client"));
  }

  // Faults of the connection.

  /** Breaks the connection; both ends learn it. */
  drop(): void {
    this.#up(() => this.#endNode(1006, "network"));
    this.#down(() => this.#closeClient(1006, ""));
  }

  /** Stops all messages in both directions without notice to either end. */
  silence(): void {
    this.#isSilent = true;
  }

  /** Breaks a connection on which nothing passes, so that both ends learn that it ended. */
  endSilence(): void {
    if (!this.#isSilent) return;
    // Messages that were under way are lost; the two ends learn only that the connection broke.
    this.#time.after(this.#way(), () => this.#endNode(1006, "network"));
    this.#time.after(this.#way(), () => this.#closeClient(1006, ""));
  }

  /** Stops the client's reading. */
  stall(): void {
    this.#isStalled = true;
  }

  resume(): void {
    if (!this.#isStalled) return;
    this.#isStalled = false;
    const unread = this.#unread;
    this.#unread = [];
    const held = this.bufferedBytes;
    const had = held > 0;
    this.#unreadBytes = 0;
    for (const parcel of unread) this.#carry(parcel);
    if (!had || this.#nodeGone) return;
    // Bytes that the node writes in this call were waiting there before.
    const before = this.#writtenBytes;
    this.#events?.onDrain();
    const waited = this.#writtenBytes - before;
    this.#peakBytes = Math.max(this.#peakBytes, held + waited);
  }

  /** Ends the node's process; with `isTold` its machine still closes the connection to the client. */
  nodeCrashed(isTold: boolean): void {
    this.#nodeGone = true;
    this.#end(1006, "network");
    if (isTold) this.#down(() => this.#closeClient(1006, ""));
    else this.#isSilent = true;
  }

  #send(parcel: Parcel): void {
    if (this.#isStalled || this.#isSilent) {
      this.#unread.push(parcel);
      if (parcel.kind === "texts") this.#unreadBytes += parcel.size;
      this.#peakBytes = Math.max(this.#peakBytes, this.bufferedBytes);
      return;
    }
    this.#carry(parcel);
  }

  #carry(parcel: Parcel): void {
    this.#down(() => {
      if (this.#clientGone) return;
      switch (parcel.kind) {
        case "open":
          this.#client.onOpen();
          return;
        case "texts":
          for (const text of parcel.texts) this.#client.onText(text);
          return;
        case "ping":
          this.#up(() => this.#events?.onAlive());
          return;
        case "close":
          this.#closeClient(parcel.code, parcel.reason);
          this.#up(() => this.#endNode(parcel.code, "node"));
          return;
      }
    });
  }

  /** Schedules an arrival at the client; what was sent arrives even when the node has ended by then. */
  #down(arrive: () => void): void {
    this.#downAt = Math.max(this.#downAt, this.#time.monotonic() + this.#way());
    this.#time.at(this.#downAt, () => {
      if (!this.#isSilent) arrive();
    });
  }

  /** Schedules an arrival at the node. */
  #up(arrive: () => void): void {
    this.#upAt = Math.max(this.#upAt, this.#time.monotonic() + this.#way());
    this.#time.at(this.#upAt, () => {
      if (!this.#isSilent && !this.#nodeGone) arrive();
    });
  }

  #closeClient(code: number, reason: string): void {
    if (this.#clientGone) return;
    this.#clientGone = true;
    this.#client.onClose(code, reason);
  }

  #endNode(code: number, by: LinkEnd["by"]): void {
    if (this.#nodeGone) return;
    this.#nodeGone = true;
    this.#end(code, by);
    this.#events?.onClose();
  }

  #nodeEndSoon(): void {
    this.#nodeGone = true;
    queueMicrotask(() => this.#events?.onClose());
  }

  #end(code: number, by: LinkEnd["by"]): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd({ code, by, peakBytes: this.#peakBytes });
  }

  #way(): number {
    return this.#random.between(1, maxWayMs);
  }
}
