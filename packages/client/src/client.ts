import type { Notification } from "@milepost/model";
import type { Channel, Published, PublishOptions } from "./channel/channel.ts";
import type { BackoffOptions, BackoffPreset } from "./connection/backoff.ts";
import type { ConnectionState } from "./connection/connection-state.ts";
import type { ConnectionMetrics } from "./connection/metrics.ts";
import type { TicketSource, TokenSource } from "./connection/token.ts";
import type {
  AnyContract,
  ChannelName,
  Contract,
  EventsOf,
  MethodName,
  OperationKind,
  OperationStateOf,
  ParamsOf,
  ResultOf,
} from "./contract.ts";
import type { OperationHandle, OperationListHandle } from "./operation/operation.ts";
import type { RequestOptions } from "./request/call.ts";
import type { BeginExchange } from "./request/exchange.ts";
import type { ClientClock } from "./runtime/clock.ts";
import type { Codec } from "./transport/codec.ts";
import type { Fetch } from "./transport/http-endpoint.ts";
import type { WebSocketConstructor } from "./transport/socket.ts";
import type { TransportName } from "./transport/transport.ts";

/** Options of a client; a browser needs only `url`. */
export interface ClientOptions {
  /**
   * Address of the gateway: `ws:`, `wss:`, `http:` or `https:`; in a browser it may be relative to the page. A
   * server that renders a page may create a client with a relative address, but not connect it.
   */
  readonly url: string;
  /**
   * Credential, or a function that returns one. The function is called for every connection attempt and for
   * each renewal, and has 20 s to answer. If it fails, or returns anything but a text, the client reports the error
   * to `onError` and in its state, and tries again after a wait. Without a `token`, the client offers no credential.
   */
  readonly token?: TokenSource | undefined;
  /**
   * Function that gets a ticket from `POST /v1/tickets`, usually by way of the application's backend; see the page on
   * tickets of the protocol. The client calls it for every connection attempt, and over server-sent events and
   * long-poll for each request, because a ticket works once within 30 s. It stands in place of `token`, which is not read
   * then, and answers under the same conditions. Tabs with tickets share no connection. Before the authority behind a ticket
   * ends, nothing is renewed: the client connects again with a new ticket.
   */
  readonly ticket?: TicketSource | undefined;
  /**
   * Transports to use, the best first; default `["websocket", "sse", "poll"]`. After two failures in a row (five
   * refused connects if the transport has worked before), the client tries the next one. A transport fails when its
   * connection is lost before an answer to a ping has come back. While the client uses a worse transport, it tries
   * one of the better ones in the background every minute. It switches without loss or repetition.
   */
  readonly transports?: readonly TransportName[];
  /**
   * Sharing of one connection by the tabs of an origin whose tokens have the same authority. By default tabs
   * share server-sent events and long-poll, of which a browser allows only a few at once over HTTP/1.1. `true`
   * shares WebSockets too; `false` shares nothing. Only for browsers.
   */
  readonly share?: boolean;
  /**
   * WebSocket constructor; default `globalThis.WebSocket`. Node 20 has none: pass `WebSocket` from the package
   * `ws`.
   */
  readonly webSocket?: WebSocketConstructor;
  /**
   * Encoding of WebSocket frames, used if the gateway supports it; default JSON. `@milepost/client/msgpack`
   * exports a codec for msgpack.
   */
  readonly codec?: Codec;
  /**
   * Time that publishes and requests may wait so that they are sent together, in milliseconds. The default 0
   * sends messages of the same tick together. The order of all messages is kept.
   */
  readonly batchMs?: number;
  /** Fetch function for the SSE and long-poll transports; default `globalThis.fetch`. */
  readonly fetch?: Fetch;
  /**
   * Waits between connection attempts; by default random ones without an end. `"five-attempts"` waits 1, 2, 4, 8 and
   * 16 s, then gives up.
   */
  readonly backoff?: BackoffOptions | BackoffPreset;
  readonly clock?: ClientClock;
  /** Random number from 0 up to, but not including, 1; default `Math.random`. */
  readonly random?: () => number;
  /**
   * Receives errors that no caller waits for: a listener that threw, a token source that failed, a frame that
   * could not be read. Without `onError`, a listener's error is reported as an uncaught error of the page. The
   * others are logged to the console.
   */
  readonly onError?: (error: unknown) => void;
}

/**
 * Notifications for the person at this client, from the user's and the session's channel, each delivered once.
 */
export interface Notifications {
  /**
   * Calls `listener` for each notification from now on, including those missed between two connections. Returns
   * a function that removes it.
   */
  subscribe(listener: (notification: Notification) => void): () => void;
}

/**
 * Client connection to Milepost that reconnects by itself.
 *
 * It connects on first use or with `connect`. Subscriptions survive reconnects, each entry reaches the
 * application once and in order, and lost entries are reported (`onGap`, `onReset`). No listener is called
 * inside the call that causes it, and one that throws does not disturb the others.
 */
export interface Client<C extends Contract = AnyContract> {
  readonly state: ConnectionState;
  /** Clock that the client was created with. */
  readonly clock: ClientClock;
  onState(listener: (state: ConnectionState) => void): () => void;
  /** Returns the current metrics; the same object until a value changes. */
  metrics(): ConnectionMetrics;
  /**
   * Calls `listener` when the metrics have changed: about once a second, and when the connection opens or
   * breaks. Returns a function that removes it.
   */
  onMetrics(listener: () => void): () => void;
  /**
   * Connects, unless the client is connecting or connected. While it waits to reconnect, it connects at once.
   * Throws `bad_message` for a relative address where there is no page.
   * After a close, watched operations, the operation list, notifications, chats and presence resume by
   * themselves; the application subscribes to channels again.
   */
  connect(): void;
  /**
   * Reconnects at once instead of at the end of the wait. While connected, sends a ping and reconnects if
   * nothing arrives from the gateway within 5 seconds.
   */
  retryNow(): void;
  /**
   * Closes the client; every pending call is rejected with `cancelled`. Resolves when the socket has closed,
   * after one second at the latest.
   */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
  channel<Name extends ChannelName<C>>(name: Name): Channel<EventsOf<C, Name>>;
  /**
   * Returns the handle of an operation, by its id or the name of its channel. `kind` only affects types: with it,
   * input and result are typed.
   */
  operation<Kind extends OperationKind<C> = OperationKind<C>>(
    id: string,
    kind?: Kind,
  ): OperationHandle<OperationStateOf<C, Kind>>;
  operations(): OperationListHandle;
  readonly notifications: Notifications;
  /**
   * Calls a method of the gateway or of a backend. `params` may be omitted when none of its fields is required.
   */
  request<Name extends MethodName<C>>(
    method: Name,
    ...rest: RequestRest<ParamsOf<C, Name>>
  ): Promise<ResultOf<C, Name>>;
  /**
   * Sends a message and returns an exchange, with which the caller can send and receive chunks.
   * `@milepost/client/streams` is built on it.
   */
  readonly exchange: BeginExchange;
  publish<Name extends ChannelName<C>, Event extends keyof EventsOf<C, Name> & string>(
    channel: Name,
    event: Event,
    data: EventsOf<C, Name>[Event],
    options?: PublishOptions,
  ): Promise<Published>;
}

/** Arguments that follow the method's name in a request. */
export type RequestRest<Params> = [undefined] extends [Params]
  ? [params?: Params, options?: RequestOptions]
  : Record<never, never> extends Params
    ? [params?: Params, options?: RequestOptions]
    : [params: Params, options?: RequestOptions];

/** Client without operations, notifications and metrics. */
export type CoreClientOf<C extends Contract = AnyContract> = Omit<
  Client<C>,
  "operation" | "operations" | "notifications" | "metrics" | "onMetrics"
>;
