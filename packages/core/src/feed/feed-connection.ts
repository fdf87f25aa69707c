import { BaseConnection } from "../connection/base-connection.ts";
import type { NodeContext } from "../node/node-context.ts";
import type { UserPrincipal } from "../rules/principal.ts";
import type { Transport } from "../send-queue/transport.ts";
import type { FollowedOperation } from "./followed-operation.ts";
import type { SessionFeed } from "./session-feed.ts";

const idLength = 20;

/**
 * A reader of a session's progress feed.
 *
 * Every document is complete, so one that reads slowly is not given what it missed but the latest of each
 * operation once it has room: it holds back nobody and costs no memory.
 */
export class FeedConnection extends BaseConnection {
  readonly id: string;
  readonly principal: UserPrincipal;
  readonly #feed: SessionFeed;
  /** Operations whose latest document it has yet to be given, longest waiting first. */
  readonly #due = new Set<FollowedOperation>();
  #waiting = false;

  constructor(
    transport: Transport,
    feed: SessionFeed,
    principal: UserPrincipal,
    context: NodeContext,
  ) {
    super(transport, context, "open");
    this.id = context.random.id(idLength);
    this.principal = principal;
    this.#feed = feed;
    this.expireAt(principal.expiresAt);
    feed.add(this);
    this.enter();
    this.reauthorise();
  }

  override get subscriptionCount(): number {
    return 0;
  }

  /** Gives it the operation's document, now or when it has room. */
  show(operation: FollowedOperation): void {
    this.#due.add(operation);
    if (!this.#waiting) this.#pump();
  }

  /** The operation is not shown any more. */
  forget(operation: FollowedOperation): void {
    this.#due.delete(operation);
  }

  onText(): void {
    this.onAlive();
  }

  onValues(): void {
    this.onAlive();
  }

  onUnsupportedFrame(): void {
    this.onAlive();
  }

  override announceShutdown(): void {
    // Every frame is a document: the close says it.
  }

  override announceStore(): void {
    // Every frame is a document.
  }

  override announceMove(): void {
    // Every frame is a document: the close says it.
  }

  override reauthorise(): void {
    try {
      this.context.revocations.narrowed(this.principal);
    } catch {
      this.close(1008, "Session revoked");
    }
  }

  protected override onEnd(): void {
    this.#due.clear();
    this.#feed.delete(this);
  }

  protected override onAuthTimeout(): void {
    this.close(1008, "Invalid session");
  }

  protected override onExpired(): void {
    this.close(1008, "Session expired");
  }

  protected override onExpiring(): void {
    // Every frame is a document: the close says it.
  }

  #pump(): void {
    for (const operation of this.#due) {
      const room = this.sendQueue.drained();
      if (room !== undefined) {
        this.#waiting = true;
        void room.then(() => {
          this.#waiting = false;
          this.#pump();
        });
        return;
      }
      this.#due.delete(operation);
      const bytes = operation.document(this.encoder);
      if (bytes !== undefined) this.sendQueue.push(bytes);
    }
  }
}
