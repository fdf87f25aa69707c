import {
  type ChunkMessage,
  type MessageId,
  MilepostError,
  type PublishMessage,
  type RequestMessage,
} from "@milepost/protocol";
import type { TypingMessage } from "../dialects/literal-message.ts";
import { notJoined } from "../dialects/not-joined.ts";
import { type RequestOwner, Requests } from "../requests/requests.ts";
import type { Principal } from "../rules/principal.ts";
import { mayLookUp } from "../rules/rule-access.ts";
import type { ConnectionContext } from "./connection-context.ts";

const maxInFlight = 256;

/** Connection whose publishes and requests {@link Submissions} handles. */
export interface SubmissionOwner extends RequestOwner {
  readonly principal: Principal | undefined;
  readonly isOpen: boolean;
  /** Resolves once the subscription to a channel has started or failed; undefined if none is about to start. */
  joining(channel: string): Promise<void> | undefined;
  /** True while the client subscribes to the channel. */
  hasJoined(channel: string): boolean;
  /** Makes the client's member present in a channel that the client subscribes to, unless it is present already. */
  enter(channel: string): void;
  refuseUnsupported(id: MessageId | null, what: string): void;
}

/** Publishes and requests of one connection that have no answer yet. At most 256 are in progress; the next one waits. */
export class Submissions {
  readonly #owner: SubmissionOwner;
  readonly #context: ConnectionContext;
  #requests: Requests | undefined;
  #inFlight = 0;
  #onCapacity: (() => void) | undefined;

  constructor(owner: SubmissionOwner, context: ConnectionContext) {
    this.#owner = owner;
    this.#context = context;
  }

  /** True while a publish or request has no answer. */
  get isBusy(): boolean {
    return this.#inFlight > 0;
  }

  /** Returns true while the request has no answer. */
  hasRequest(id: MessageId): boolean {
    return this.#requests?.has(id) === true;
  }

  /** Publishes, and answers a message that has an id. */
  publish(message: PublishMessage): Promise<void> | undefined {
    if (message.ttl_ms !== undefined) {
      this.#owner.refuseUnsupported(message.id ?? null, "ttl_ms");
      return undefined;
    }
    return this.#inOrder(message, () => this.#publish(message, message.id));
  }

  /**
   * Publishes or types what a literal message said. Such a message is refused even without an id, because its client
   * knows of no other way to learn of it.
   */
  literal(message: PublishMessage | TypingMessage): Promise<void> | undefined {
    const errorId = message.id ?? null;
    return this.#inOrder(message, async () => {
      if (!this.#owner.hasJoined(message.channel)) {
        if (this.#owner.isOpen) this.#owner.refuse(errorId, MilepostError.from(notJoined));
      } else if (message.type === "typing") await this.#type(message, errorId);
      else await this.#publish(message, errorId);
    });
  }

  /** Runs a request, unless its principal has to sign what it publishes. */
  request(principal: Principal, message: RequestMessage): Promise<void> | undefined {
    try {
      this.#context.signatures.refuseUnsigned(principal);
    } catch (error) {
      this.#owner.refuse(message.id, error);
      return undefined;
    }
    this.#requests ??= new Requests(this.#owner, this.#context);
    this.#inFlight++;
    void this.#requests.run(principal, message).finally(() => this.#answered());
    return this.#pace();
  }

  /** Handles a chunk or a grant of credit of a request. Returns false if it was not accepted. */
  chunk(message: ChunkMessage): boolean {
    return this.#requests?.chunk(message) === true;
  }

  /** Answers a request with `cancelled`; does nothing if it is answered already. */
  cancel(id: MessageId): void {
    this.#requests?.cancel(id);
  }

  /** Answers a request with an error; does nothing if it is answered already. */
  fail(id: MessageId, error: MilepostError): void {
    this.#requests?.fail(id, error);
  }

  /** Stops the work of all requests, because the connection has ended. */
  close(): void {
    this.#requests?.close();
    this.#onCapacity?.();
  }

  /** Starts work on a channel after a subscription to it, so that a client receives its own publication. */
  #inOrder({ channel }: { readonly channel: string }, work: () => Promise<void>) {
    const joining = this.#owner.joining(channel);
    if (joining !== undefined) return joining.then(work);
    const done = work();
    const looksUp = mayLookUp(this.#context.channels.resolve(channel).rule, "publish");
    return looksUp ? done : this.#pace();
  }

  /** Publishes a message; `errorId` is the id to refuse it with, undefined if a failure is not reported. */
  async #publish(
    {
      id,
      channel,
      event,
      data,
      key,
      event_id: eventId,
      priority,
      sig,
      traceparent,
    }: PublishMessage,
    errorId: MessageId | null | undefined,
  ): Promise<void> {
    const { principal } = this.#owner;
    if (!this.#owner.isOpen || principal === undefined) return;
    this.#inFlight++;
    try {
      const options = {
        ...(key === undefined ? {} : { key }),
        ...(eventId === undefined ? {} : { eventId }),
        ...(priority === undefined ? {} : { priority }),
        ...(sig === undefined ? {} : { sig }),
        ...(traceparent === undefined ? {} : { traceparent }),
      };
      this.#context.signatures.requireSig(principal, sig);
      const result = await this.#context.channels.publish(principal, channel, event, data, options);
      if (id !== undefined && this.#owner.isOpen) this.#owner.send({ type: "reply", id, result });
    } catch (error) {
      if (errorId !== undefined && this.#owner.isOpen) this.#owner.refuse(errorId, error);
    } finally {
      this.#answered();
    }
  }

  async #type({ id, channel, typing }: TypingMessage, errorId: MessageId | null): Promise<void> {
    const { principal } = this.#owner;
    if (!this.#owner.isOpen || principal === undefined) return;
    this.#inFlight++;
    try {
      this.#context.signatures.refuseUnsigned(principal);
      if (typing) this.#owner.enter(channel);
      await this.#context.presence.type(principal, channel, typing);
      const result = { channel, typing };
      if (id !== undefined && this.#owner.isOpen) this.#owner.send({ type: "reply", id, result });
    } catch (error) {
      if (this.#owner.isOpen) this.#owner.refuse(errorId, error);
    } finally {
      this.#answered();
    }
  }

  /** Returns a promise that makes the next message wait while 256 publishes and requests have no answer. */
  #pace(): Promise<void> | undefined {
    if (this.#inFlight < maxInFlight) return undefined;
    return new Promise((resolve) => {
      this.#onCapacity = resolve;
    });
  }

  #answered(): void {
    this.#inFlight--;
    if (this.#onCapacity === undefined || this.#inFlight >= maxInFlight) return;
    const resolve = this.#onCapacity;
    this.#onCapacity = undefined;
    resolve();
  }
}
