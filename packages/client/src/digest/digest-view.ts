import type { Digest } from "@milepost/model";
import type { MilepostError } from "@milepost/protocol";

/**
 * Digest as a page knows it. `loading`: the gateway has not answered yet. `none`: the credential names no user. `ready`:
 * `digest` says what has happened, which may be nothing. `seen`: the person has seen it, and follows what happens live.
 * `failed`: the gateway refused, and `error` says why.
 */
export interface DigestView {
  readonly status: "loading" | "none" | "ready" | "seen" | "failed";
  readonly digest: Digest | undefined;
  readonly error: MilepostError | undefined;
}

/**
 * Handle on the digest of this client's user: what has happened while the user was away. The digest is asked for when the
 * handle gets its first subscriber, and again when a page becomes visible that was hidden for longer than a minute.
 */
export interface DigestHandle {
  getSnapshot(): DigestView;
  subscribe(listener: () => void): () => void;
  /**
   * Says that the person has seen the digest. From then on, what happens while the page is visible counts as seen too: the
   * last position moves every minute, and when the page is hidden. Rejects with the gateway's error.
   */
  seen(): Promise<void>;
  /** Says that the person has seen one operation of the digest, which then leaves it. Rejects with the gateway's error. */
  seenOperation(operationId: string): Promise<void>;
  /** Asks for the digest again. Rejects with the gateway's error. */
  refresh(): Promise<void>;
}
