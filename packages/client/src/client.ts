import type { Notification } from "@milepost/model";
import type { Channel, Published, PublishOptions } from "./channel/channel.ts";
import type { BackoffOptions } from "./connection/backoff.ts";
import type { ConnectionState } from "./connection/connection-state.ts";
import type { ConnectionMetrics } from "./connection/metrics.ts";
import type { TokenSource } from "./connection/token.ts";
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
import type { BeginExchange } from "./request/exchange.ts";
import type { RequestOptions } from "./request/requests.ts";
import type { ClientClock } from "./runtime/clock.ts";
import type { Codec } from "./transport/codec.ts";
import type { Fetch } from "./transport/http-endpoint.ts";
import type { WebSocketConstructor } from "./transport/socket.ts";
import type { TransportName } from "./transport/transport.ts";

/** What a client is made of; only `url` is needed in a browser. */
export interface ClientOptions {
  /** The gateway: `ws:`, `wss:`, `http:` or `https:`; relative to the page in a browser. */
  readonly url: string;
  /** The credential, or how to get one: called for the first connect and whenever the last one ended. */
  readonly token?: TokenSource;
  /**
   * How messages may travel, the best first; default `["websocket", "sse", "poll"]`. Where one does not get
   * through, twice in a row and before it ever did, the next is tried; below the first, that one is tried
   * again every minute and takes over without a loss or a repetition.
   */
  readonly transports?: readonly TransportName[];
  /** Default `globalThis.WebSocket`; Node 20 has none, pass the `WebSocket` of the package `ws`. */
  readonly webSocket?: WebSocketConstructor;
  /**
   * How WebSocket frames are encoded, where the service speaks it; default JSON. `@milepost/client/msgpack` has
   * the other one.
   */
  readonly codec?: Codec;
  /**
   * How long publishes and requests may wait to be sent together, in milliseconds; default 0: those of one tick go
   * together. Their order, and that of all other messages among them, stays.
   */
  readonly batchMs?: number;
  /** For the transports that need it; default `globalThis.fetch`. */
  readonly fetch?: Fetch;
  readonly backoff?: BackoffOptions;
  readonly clock?: ClientClock;
  /** From 0 up to 1; default `Math.random`. */
  readonly random?: () => number;
  /**
   * Told of what nobody waits for: a listener that threw, a token source that failed, a frame that could not
   * be read. Default: the first is an uncaught error of the page, the others go to the console.
   */
  readonly onError?: (error: unknown) => void;
}

/** Notices for the person at the other end, each once: of the user and of the session. */
export interface Notifications {
  /** Told of each that arrives from now on, those missed between two connections included. */
  subscribe(listener: (notification: Notification) => void): () => void;
}

/**
 * A connection to Milepost that comes back by itself.
 *
 * It connects on first use or with `connect`. What is subscribed stays subscribed over reconnects, each
 * entry reaches the application once and in order, and what cannot be delivered is said (`onGap`, `onReset`).
 * No listener is called inside the call that causes it; one that throws harms no other.
 */
export interface Client<C extends Contract = AnyContract> {
  readonly state: ConnectionState;
  /** The clock it was made with. */
  readonly clock: ClientClock;
  onState(listener: (state: ConnectionState) => void): () => void;
  /** The same object until something changed. */
  metrics(): ConnectionMetrics;
  /** Told about once a second while the numbers change. */
  onMetrics(listener: () => void): () => void;
  /**
   * Connects unless it is connected, or about to be. After a close it begins anew: what somebody watches of
   * operations and their list, and notifications, come back by themselves; channels are subscribed again by
   * whoever wants them.
   */
  connect(): void;
  /** Tries at once instead of at the end of the wait; connected, makes sure the other end still answers. */
  retryNow(): void;
  /** Closes for good; everything that waits is rejected with `cancelled`. Resolves when the socket is gone. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
  channel<Name extends ChannelName<C>>(name: Name): Channel<EventsOf<C, Name>>;
  /** `kind` is for the types: whoever knows which kind it is has its input and result typed. */
  operation<Kind extends OperationKind<C> = OperationKind<C>>(
    id: string,
    kind?: Kind,
  ): OperationHandle<OperationStateOf<C, Kind>>;
  operations(): OperationListHandle;
  readonly notifications: Notifications;
  /** The parameters may be left out where nothing in them has to be given. */
  request<Name extends MethodName<C>>(
    method: Name,
    ...rest: RequestRest<ParamsOf<C, Name>>
  ): Promise<ResultOf<C, Name>>;
  /** A message whose chunks the caller takes and sends: what `@milepost/client/streams` is made of. */
  readonly exchange: BeginExchange;
  publish<Name extends ChannelName<C>, Event extends keyof EventsOf<C, Name> & string>(
    channel: Name,
    event: Event,
    data: EventsOf<C, Name>[Event],
    options?: PublishOptions,
  ): Promise<Published>;
}

/** What follows the method's name in a request. */
export type RequestRest<Params> = [undefined] extends [Params]
  ? [params?: Params, options?: RequestOptions]
  : Record<never, never> extends Params
    ? [params?: Params, options?: RequestOptions]
    : [params: Params, options?: RequestOptions];

/** The client without what it knows of operations and notifications, and without its numbers. */
export type CoreClientOf<C extends Contract = AnyContract> = Omit<
  Client<C>,
  "operation" | "operations" | "notifications" | "metrics" | "onMetrics"
>;
