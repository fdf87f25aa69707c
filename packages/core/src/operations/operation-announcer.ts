import type { ChannelLog } from "@milepost/engine";
import { announcementChannel } from "../rules/default-rules.ts";
import type { RuleBook } from "../rules/rule-book.ts";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";

const publisher = "gateway:operations";
const announcedTogether = 100;
const maxWaiting = 10_000;
const firstRetryMs = 500;
const maxRetryMs = 30_000;

/** Entry of the channel of announcements: the operations that have begun or were deleted. */
export interface Announcement {
  readonly operation_ids: readonly string[];
}

/** Parts of the node that an {@link OperationAnnouncer} uses. */
export interface AnnouncerContext {
  readonly log: Pick<ChannelLog, "append">;
  readonly rules: RuleBook;
  readonly wheel: TimerWheel;
  readonly onError: (error: unknown) => void;
}

/**
 * Announces to all nodes which operations have begun or were deleted, so that the subscriptions that wait for
 * them are decided again.
 *
 * Nobody waits for an announcement. Those that come while one is being stored go into one entry. A failure is
 * retried until it succeeds; at most 10,000 operations wait meanwhile, and the oldest are dropped.
 */
export class OperationAnnouncer extends Deadline {
  readonly #context: AnnouncerContext;
  readonly #waiting = new Set<string>();
  #failures = 0;
  #sending: Promise<void> | undefined;

  constructor(context: AnnouncerContext) {
    super();
    this.#context = context;
  }

  announce(operationId: string): void {
    this.#waiting.add(operationId);
    const [oldest] = this.#waiting;
    if (this.#waiting.size > maxWaiting && oldest !== undefined) this.#waiting.delete(oldest);
    if (this.dueAt === undefined) this.#send();
  }

  /** Tries once more to store what waits. */
  async close(): Promise<void> {
    this.#context.wheel.clear(this);
    await this.#sending;
    this.#send();
    await this.#sending;
    this.#context.wheel.clear(this);
  }

  override onDue(): void {
    this.#send();
  }

  #send(): void {
    if (this.#waiting.size > 0) this.#sending ??= this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    const { log, rules, wheel, onError } = this.#context;
    const { name, policy } = rules.of(announcementChannel);
    while (this.#waiting.size > 0) {
      const operation_ids = [...this.#waiting].slice(0, announcedTogether);
      for (const id of operation_ids) this.#waiting.delete(id);
      const json = JSON.stringify({ operation_ids } satisfies Announcement);
      try {
        await log.append(name, { event: "operations", json, publisher }, policy);
        this.#failures = 0;
      } catch (error) {
        onError(error);
        for (const id of operation_ids) this.#waiting.add(id);
        wheel.set(this, Math.min(firstRetryMs * 2 ** this.#failures++, maxRetryMs));
        break;
      }
    }
    this.#sending = undefined;
  }
}
