import {
  type Client,
  type ClientOptions,
  type ConnectionState,
  createClient,
  systemClock,
  type TokenSource,
  type TransportName,
} from "@milepost/client";
import { emptyStudio, openStudio, type Studio, type StudioView } from "@milepost/client/studio";
import type { Level } from "@milepost/model";
import type { Source } from "../use-selected.ts";
import { GuestToken } from "./guest-token.ts";
import { storageNamed } from "./storage-named.ts";

/** Name of a transport; `polling` is another name for `poll`. */
export type StudioTransport = TransportName | "polling";

/** Options of {@link useWebSocket}. */
export interface UseWebSocketOptions {
  /** Address of the gateway or of the backend around it; by default the server of the page. */
  readonly url?: string;
  /**
   * Id that the page has for its visitor. Without a `token` the page connects as the guest with this name, which the
   * gateway must admit (`guests: true`).
   */
  readonly userId?: string | null;
  /** Connects while the component is mounted; default true. */
  readonly autoConnect?: boolean;
  /** Credential of a user or session; the client then is this user, and `userId` is not sent. */
  readonly token?: TokenSource;
  /** Reconnects by itself; default true. */
  readonly reconnection?: boolean;
  /** Number of failed attempts in a row before it gives up; default 5. The page tries again when it is shown or online. */
  readonly reconnectionAttempts?: number;
  /** Upper bound of the first wait, in milliseconds; default 1,000. It doubles with each attempt, up to 16 s. */
  readonly reconnectionDelay?: number;
  /** Transports, the best first; default WebSocket, then SSE, then polling. */
  readonly transports?: readonly StudioTransport[];
  /** Times to show notifications without a `ttl_ms`, in milliseconds: by default 5 s, a warning 30 s, an error 60 s. */
  readonly notificationTtlMs?: Partial<Readonly<Record<Level, number>>>;
  /** Further options of the client, such as `webSocket` and `clock`. */
  readonly client?: Omit<Partial<ClientOptions>, "url" | "token" | "transports" | "backoff">;
}

/** State of a connection together with what it shows. */
export interface StudioSnapshot {
  readonly state: ConnectionState;
  readonly view: StudioView;
}

/** Snapshot before the connection is opened. */
export const idleSnapshot: StudioSnapshot = { state: { state: "idle" }, view: emptyStudio };

/** Connections of this page that components share, by address, visitor and token. */
const shared = new Map<string, StudioConnection>();

/**
 * Returns the connection for these options: the one of another component with the same address, visitor and token, or a
 * new one. A connection whose token comes from a function is not shared.
 */
export function connectionFor(options: UseWebSocketOptions): StudioConnection {
  const { url, userId, token } = options;
  // Components that are rendered on a server are never opened, so nothing would ever remove their connections.
  if (typeof token === "function" || typeof window === "undefined") {
    return new StudioConnection(options);
  }
  const key = JSON.stringify([url, userId, token]);
  const known = shared.get(key);
  if (known !== undefined && known.clientOptions === options.client) return known;
  const made = new StudioConnection(options, key);
  shared.set(key, made);
  return made;
}

/**
 * Connection of a page with the updates for its visitor. It exists without a network until it is opened, so it can be
 * made while rendering. Several components may open it; the last one that closes it disconnects.
 */
export class StudioConnection implements Source<StudioSnapshot> {
  readonly #options: UseWebSocketOptions;
  readonly #key: string | undefined;
  readonly #listeners = new Set<() => void>();
  #opens = 0;
  #client: Client | undefined;
  #studio: Studio | undefined;
  #guest: GuestToken | undefined;
  #stop = () => {};
  #snapshot = idleSnapshot;

  constructor(options: UseWebSocketOptions, key?: string) {
    this.#options = options;
    this.#key = key;
  }

  get clientOptions(): UseWebSocketOptions["client"] {
    return this.#options.client;
  }

  getSnapshot(): StudioSnapshot {
    return this.#snapshot;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Studio of the connection; undefined before it was opened for the first time. */
  get studio(): Studio | undefined {
    return this.#studio;
  }

  /** Opens the connection. Returns a function that closes it. */
  open(): () => void {
    this.#opens++;
    if (this.#opens === 1) {
      if (this.#key !== undefined && !shared.has(this.#key)) shared.set(this.#key, this);
      this.#start();
    }
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      this.#opens--;
      if (this.#opens > 0) return;
      if (this.#key !== undefined && shared.get(this.#key) === this) shared.delete(this.#key);
      this.#stop();
      void this.#client?.close();
      this.#changed();
    };
  }

  /** Connects at once, also after the client has given up. */
  retryNow(): void {
    if (this.#opens > 0) this.#client?.connect();
  }

  #start(): void {
    this.#client ??= this.#create();
    const client = this.#client;
    this.#studio ??= openStudio(client, {
      ttlMs: this.#options.notificationTtlMs,
      storage: storageNamed("sessionStorage"),
      storageName: `milepost:cleared:${this.#options.userId ?? ""}`,
    });
    client.connect();
    const stops = [
      client.onState((state) => this.#onState(state)),
      this.#studio.subscribe(() => this.#changed()),
      onPageReturn(() => {
        // A page that gave up while nobody looked, or without a network, tries again.
        if (client.state.state === "closed") client.connect();
      }),
    ];
    this.#stop = () => {
      for (const stop of stops) stop();
    };
    this.#changed();
  }

  #create(): Client {
    const { url = "/ws", userId, token, transports, client = {} } = this.#options;
    const { reconnection = true, reconnectionAttempts = 5, reconnectionDelay } = this.#options;
    const { clock = systemClock, fetch = globalThis.fetch } = client;
    if (token === undefined && userId != null && userId !== "") {
      this.#guest = new GuestToken({
        url,
        userId,
        storage: storageNamed("localStorage"),
        fetch: fetch.bind(globalThis) as typeof globalThis.fetch,
        now: () => clock.now(),
      });
    }
    const guest = this.#guest;
    return createClient({
      ...client,
      url,
      ...(token !== undefined && { token }),
      ...(guest !== undefined && { token: () => guest.get() }),
      ...(transports !== undefined && { transports: transports.map(nameOf) }),
      backoff: {
        // The first failure is the loss itself.
        attempts: reconnection ? reconnectionAttempts + 1 : 1,
        ...(reconnectionDelay !== undefined && { minMs: reconnectionDelay }),
      },
      onError: (error) => {
        client.onError?.(error);
        this.#studio?.report(error);
      },
    });
  }

  #onState(state: ConnectionState): void {
    const reason = state.state === "reconnecting" || state.state === "closed" ? state.reason : "";
    const isRejected = state.state === "closed" && state.verdict === "reauthenticate";
    if (isRejected || /^(unauthenticated|token_)/.test(reason)) this.#guest?.forget();
    this.#changed();
  }

  #changed(): void {
    this.#snapshot = {
      state: this.#client?.state ?? idleSnapshot.state,
      view: this.#studio?.view ?? emptyStudio,
    };
    for (const listener of this.#listeners) listener();
  }
}

function nameOf(transport: StudioTransport): TransportName {
  return transport === "polling" ? "poll" : transport;
}

/** Calls a function when the page is shown again or has a network again. Returns a function that ends that. */
function onPageReturn(call: () => void): () => void {
  if (typeof window === "undefined") return () => {};
  const onVisible = () => {
    if (document.visibilityState === "visible") call();
  };
  window.addEventListener("online", call);
  document.addEventListener("visibilitychange", onVisible);
  return () => {
    window.removeEventListener("online", call);
    document.removeEventListener("visibilitychange", onVisible);
  };
}
