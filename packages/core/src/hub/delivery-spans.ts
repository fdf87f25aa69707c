import type { Clock } from "@milepost/engine";
import { formatPosition, type Publication } from "@milepost/protocol";
import { type Span, spanNames, type Tracer } from "../runtime/tracer.ts";

/** Maximum number of other traces that one span of a replay names. */
const maxLinks = 32;
const second = 1_000;

/** Parts of the node that {@link DeliverySpans} uses. */
export interface DeliverySpanParts {
  readonly tracer: Tracer;
  readonly clock: Clock;
  readonly node: string;
  /** Maximum number of spans that begin within a second. */
  readonly perSecond: number;
}

/**
 * Spans of the deliveries of traced entries.
 *
 * A live entry has one span on each node with subscribers, below that of its publish: from the handing out until its bytes
 * are written to the sockets. A replayed page has one span, a trace of its own, that links to the traces of its entries.
 * A node begins a bounded number of them per second, and none for the deliveries beyond.
 */
export class DeliverySpans {
  readonly #parts: DeliverySpanParts;
  #open: Span[] = [];
  #begun = 0;
  #until = 0;

  constructor(parts: DeliverySpanParts) {
    this.#parts = parts;
  }

  /** Begins the spans of a batch that is handed out to a number of subscribers. */
  begin(batch: readonly Publication[], subscribers: number): void {
    if (subscribers === 0) return;
    for (const publication of batch) {
      const { traceparent, channel, event, position } = publication;
      if (traceparent === undefined) continue;
      if (!this.#take()) return;
      const { tracer, node } = this.#parts;
      const attributes = {
        "messaging.system": "milepost",
        "messaging.destination.name": channel,
        "milepost.event": event,
        "milepost.position": formatPosition(position),
        "milepost.node": node,
        "milepost.subscribers": subscribers,
      };
      this.#open.push(tracer.start(spanNames.deliver, { parent: traceparent, attributes }));
    }
  }

  /** Ends the spans that have begun: what was handed out is written. */
  written(): void {
    if (this.#open.length === 0) return;
    const ended = this.#open;
    this.#open = [];
    for (const span of ended) span.end();
  }

  /** Records that a page of entries was handed to a subscriber that starts or catches up. */
  replayed(page: readonly Publication[]): void {
    const links = new Set<string>();
    for (const { traceparent } of page) {
      if (traceparent !== undefined && links.size < maxLinks) links.add(traceparent);
    }
    const [first] = page;
    if (links.size === 0 || first === undefined || !this.#take()) return;
    const { tracer, node } = this.#parts;
    const span = tracer.start(spanNames.deliver, {
      links: [...links],
      attributes: {
        "messaging.system": "milepost",
        "messaging.destination.name": first.channel,
        "milepost.node": node,
        "milepost.replayed": true,
        "milepost.entries": page.length,
      },
    });
    span.end();
  }

  #take(): boolean {
    const now = this.#parts.clock.monotonic();
    if (now >= this.#until) {
      this.#until = now + second;
      this.#begun = 0;
    }
    return this.#begun++ < this.#parts.perSecond;
  }
}
