import type { PresenceMessage, PresentMember } from "@milepost/protocol";
import type { Encoder } from "../send-queue/transport.ts";

/** Member that has begun to type, or has stopped, as the message of bare clients. */
export interface TypingChange {
  readonly id: string;
  encode(encoder: Encoder): Uint8Array;
}

/** Members of a channel that bare clients know to be typing. */
export class TypingNews {
  readonly #channel: string;
  #told: readonly string[] = [];
  /** Members that were told to type, since one that leaves is no longer in the list. */
  readonly #members = new Map<string, PresentMember>();

  constructor(channel: string) {
    this.#channel = channel;
  }

  /**
   * Returns the changes since the last message. `memberOf` finds a listed member by its id, and `now` is the time in
   * milliseconds since 1970.
   */
  take(
    { typing }: PresenceMessage,
    memberOf: (id: string) => PresentMember | undefined,
    now: number,
  ): readonly TypingChange[] {
    if (typing === undefined) return none;
    const told = this.#told;
    this.#told = typing;
    const stopped = told.filter((id) => !typing.includes(id));
    const started = typing.filter((id) => !told.includes(id));
    for (const id of started) {
      const member = memberOf(id);
      if (member !== undefined) this.#members.set(id, member);
    }
    const changes = [
      ...stopped.map((id) => this.#change(id, false, now)),
      ...started.map((id) => this.#change(id, true, now)),
    ];
    for (const id of stopped) this.#members.delete(id);
    return changes;
  }

  #change(id: string, isTyping: boolean, now: number): TypingChange {
    const member = this.#members.get(id);
    const text = JSON.stringify({
      type: "user_typing",
      timestamp: new Date(now).toISOString(),
      channel: this.#channel,
      data: {
        userId: member?.user_id ?? (id.startsWith("guest:") ? id : null),
        sessionId: member?.session_id ?? null,
        isTyping,
      },
    });
    const encoded = new Map<Encoder, Uint8Array>();
    return {
      id,
      encode(encoder) {
        let bytes = encoded.get(encoder);
        if (bytes === undefined) {
          bytes = encoder.encodeText(text);
          encoded.set(encoder, bytes);
        }
        return bytes;
      },
    };
  }
}

const none: readonly TypingChange[] = [];
