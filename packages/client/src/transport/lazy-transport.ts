import type { Attempt, Line, LineEvents, Transport, TransportName } from "./transport.ts";

/** A transport whose code is loaded when it is first needed: most pages never need it. */
export function lazyTransport(name: TransportName, load: () => Promise<Transport>): Transport {
  return { name, open: (attempt, events) => new LazyLine(load(), attempt, events) };
}

/** Nothing is sent before the welcome, so nothing is lost while the code is on its way. */
class LazyLine implements Line {
  readonly closed: Promise<void>;
  #line: Line | undefined;
  #released = false;

  constructor(loading: Promise<Transport>, attempt: Attempt, events: LineEvents) {
    this.closed = loading.then(
      (transport) => {
        if (this.#released) return;
        this.#line = transport.open(attempt, events);
        return this.#line.closed;
      },
      () => {
        if (!this.#released) events.onClose(1006, "");
      },
    );
  }

  send(messages: readonly string[], maxBytes: number): void {
    this.#line?.send(messages, maxBytes);
  }

  release(): void {
    this.#released = true;
    this.#line?.release();
  }
}
