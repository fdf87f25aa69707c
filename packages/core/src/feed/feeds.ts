import type { ConnectionContext } from "../connection/connection-context.ts";
import { SessionFeed } from "./session-feed.ts";

/** Session feeds that have a reader on this node. */
export class Feeds {
  readonly #context: ConnectionContext;
  readonly #feeds = new Map<string, SessionFeed>();

  constructor(context: ConnectionContext) {
    this.#context = context;
  }

  /** Returns the feed of a session, and creates it if no reader has opened it yet. */
  of(session: string): SessionFeed {
    const known = this.#feeds.get(session);
    if (known !== undefined) return known;
    const feed = new SessionFeed(session, this.#context, () => {
      if (this.#feeds.get(session) === feed) this.#feeds.delete(session);
    });
    this.#feeds.set(session, feed);
    return feed;
  }
}
