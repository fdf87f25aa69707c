import type {
  Attempt,
  Transport,
  TransportConnection,
  TransportConnectionEvents,
  TransportName,
} from "./transport.ts";

/** Returns a transport whose code is loaded once, when it is first needed; most pages never need it. */
export function lazyTransport(name: TransportName, load: () => Promise<Transport>): Transport {
  let loading: Promise<Transport> | undefined;
  const loadOnce = () => {
    loading ??= load().catch((error) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
  return { name, open: (attempt, events) => new LazyConnection(loadOnce(), attempt, events) };
}

/**
 * Transport connection whose code is still being loaded. Nothing is sent before the welcome, so nothing is lost
 * meanwhile.
 */
class LazyConnection implements TransportConnection {
  readonly closed: Promise<void>;
  #connection: TransportConnection | undefined;
  #released = false;

  constructor(loading: Promise<Transport>, attempt: Attempt, events: TransportConnectionEvents) {
    this.closed = loading.then(
      (transport) => {
        if (this.#released) return;
        this.#connection = transport.open(attempt, events);
        return this.#connection.closed;
      },
      () => {
        if (!this.#released) events.onClose(1006, "");
      },
    );
  }

  get name(): TransportName | undefined {
    return this.#connection?.name;
  }

  send(messages: readonly string[], maxBytes: number): void {
    this.#connection?.send(messages, maxBytes);
  }

  renew(token: string): void {
    this.#connection?.renew?.(token);
  }

  release(): void {
    this.#released = true;
    this.#connection?.release();
  }
}
