import { foldPresence } from "@milepost/model";
import type { PresenceList, PresenceMessage } from "@milepost/protocol";
import type { Received, TestSocket } from "./test-socket.ts";

/** Folds the messages that a socket received into a list of members, as a client does. */
export class PresenceReader {
  readonly #socket: TestSocket;
  readonly #channel: string;
  #read = 0;
  #list: PresenceList | undefined;
  #messages = 0;
  #isLost = false;

  constructor(socket: TestSocket, channel: string) {
    this.#socket = socket;
    this.#channel = channel;
  }

  /** Number of presence messages received, without the list at the start. */
  get messages(): number {
    this.#readAll();
    return this.#messages;
  }

  /** True if a message did not match the list, which is then unreliable. */
  get isLost(): boolean {
    this.#readAll();
    return this.#isLost;
  }

  /** List of members after all messages that arrived so far. */
  get list(): PresenceList | undefined {
    this.#readAll();
    return this.#list;
  }

  /** Ids of the members, longest present first. */
  get ids(): readonly string[] {
    return this.list?.members?.map(({ id }) => id) ?? [];
  }

  #readAll(): void {
    const received = this.#socket.received();
    for (; this.#read < received.length; this.#read++) this.#take(received[this.#read] ?? {});
  }

  #take(message: Received): void {
    const started = message.type === "reply" ? message.result : message;
    const { channel, presence } = (started ?? {}) as { channel?: string; presence?: PresenceList };
    if (channel !== this.#channel) return;
    if (presence !== undefined) this.#list = presence;
    if (message.type !== "presence") return;
    this.#messages++;
    const next = foldPresence(this.#list, message as unknown as PresenceMessage);
    if (next === undefined) this.#isLost = true;
    else this.#list = next;
  }
}
