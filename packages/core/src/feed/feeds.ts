import type { ConnectionContext } from "../connection/connection-context.ts";
import { SessionFeed } from "./session-feed.ts";

/** The session feeds that somebody reads on this node. */
export class Feeds {
  readonly #context: ConnectionContext;
  readonly #feeds = new Map<string, SessionFeed>();

  constructor(context: ConnectionContext) {
    this.#context = context;
  }

  /** The feed of a session, begun with its first reader. */
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
