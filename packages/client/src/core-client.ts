import { definedFields, isReadableName, isRecord, MilepostError } from "@milepost/protocol";
import type { Channel, Published, PublishOptions } from "./channel/channel.ts";
import type { ClientInternals } from "./channel/channel-requests.ts";
import { ChannelStream, eventsOf } from "./channel/channel-stream.ts";
import { Channels } from "./channel/channels.ts";
import type { ClientOptions, CoreClientOf } from "./client.ts";
import { Backoff } from "./connection/backoff.ts";
import { Connection } from "./connection/connection.ts";
import type { ConnectionState } from "./connection/connection-state.ts";
import { gatewayAddress } from "./connection/gateway-url.ts";
import type { MetricsTicker } from "./connection/metrics-ticker.ts";
import { closeError } from "./connection/service-error.ts";
import { TokenKeeper } from "./connection/token.ts";
import { TokenRenewal } from "./connection/token-renewal.ts";
import { internals } from "./internals.ts";
import type { Call, CallOptions, Outcome, RequestOptions } from "./request/call.ts";
import type { Exchange } from "./request/exchange.ts";
import { Requests } from "./request/requests.ts";
import { type ClientClock, systemClock } from "./runtime/clock.ts";
import { randomKeys } from "./runtime/random-keys.ts";
import { Reporter } from "./runtime/reporter.ts";
import { Schedule } from "./runtime/schedule.ts";
import type { RawMessage } from "./transport/server-frame.ts";
import type { Transport } from "./transport/transport.ts";
import type { TransportTrial } from "./transport/transport-trial.ts";
import type { CreateUpgrade } from "./transport/transport-upgrade.ts";

const publishTimeoutMs = 60_000;
/**
 * Maximum time limit of a publish, in milliseconds. The gateway remembers a key for 10 minutes, and a later
 * resend could publish twice.
 */
const maxPublishTimeoutMs = 540_000;
/** Methods that may be sent again, because they change nothing. */
const readOnlyMethods = new Set([
  "operations.get",
  "operations.list",
  "history.get",
  "presence.get",
]);

/** Parts in which the clients of `@milepost/client` and `@milepost/client/core` differ. */
export interface CoreParts {
  /** Choice of the transport for the next attempt. */
  readonly transports: { readonly current: Transport };
  /** Judge of the current transport; needed with more than one. */
  readonly trial?: TransportTrial;
  /** Creates the part that returns from a fallback transport to a better one; needed with more than one. */
  readonly upgrade?: CreateUpgrade;
  /** Recorder of the connection's metrics, with their listeners. */
  readonly metrics?: MetricsTicker;
}

/**
 * Channels, publishes and requests over a connection that reconnects by itself.
 *
 * Internally channels and events are names and unknown data; the caller's contract provides their types.
 */
export class CoreClient implements Omit<CoreClientOf, "channel" | "request"> {
  readonly clock: ClientClock;
  protected readonly reporter: Reporter;
  readonly #renewal: TokenRenewal;
  readonly #address: () => URL;
  readonly #connection: Connection;
  readonly #requests: Requests;
  readonly #channels: Channels;
  protected readonly newKey: () => string;

  constructor(options: ClientOptions, { transports, trial, upgrade, metrics }: CoreParts) {
    const { clock = systemClock, random = Math.random } = options;
    this.clock = clock;
    this.newKey = randomKeys(random);
    const token = new TokenKeeper(options);
    const reporter = new Reporter(options.onError);
    this.reporter = reporter;
    const schedule = new Schedule(clock);
    const backoff = new Backoff(options.backoff ?? {}, random);
    const address = gatewayAddress(options.url);
    this.#address = address;
    const connection = new Connection(
      {
        address,
        transports,
        trial,
        upgrade,
        token,
        backoff,
        clock,
        schedule,
        metrics: metrics?.recorder,
        reporter,
        batchMs: options.batchMs ?? 0,
      },
      {
        onUp: (maxMessageBytes) => {
          metrics?.look();
          this.#requests.up(maxMessageBytes);
          this.#channels.up();
          this.#reportPage();
        },
        onDown: (isTooLarge) => {
          this.#renewal.down();
          metrics?.look();
          this.#channels.down();
          this.#requests.down(isTooLarge);
        },
        onClosed: (code, reason) => {
          const error = closeError(code, reason);
          this.#requests.closed(error);
          this.#channels.closed(error);
        },
        onMessage: (message) => this.#onMessage(message),
        onTokenExpiring: () => this.#renewal.expiring(),
        onVisibility: () => this.#reportPage(),
      },
    );
    this.#connection = connection;
    const requests = new Requests(connection, schedule);
    this.#requests = requests;
    this.#renewal = new TokenRenewal({
      token,
      requests,
      clock,
      schedule,
      reporter,
      onRenewed: (next) => connection.renewed(next),
    });
    this.#channels = new Channels({
      requests,
      schedule,
      backoff,
      reporter,
      connection,
      closedWith: () => this.#closedWith(),
    });
  }

  /** Tells the gateway whether the page is visible, so that it knows when to reach the user elsewhere. */
  #reportPage(): void {
    if (typeof document === "undefined" || !this.#connection.isUp) return;
    const visible = document.visibilityState === "visible";
    // A gateway that does not know the method counts the page as visible while it sends messages.
    this.request("connection.visible", { visible }).catch(() => {});
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  onState(listener: (state: ConnectionState) => void): () => void {
    return this.#connection.onState(listener);
  }

  connect(): void {
    // Throws for an address that cannot be resolved here.
    this.#address();
    this.#connection.connect();
  }

  retryNow(): void {
    this.#connection.retryNow();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  channel(name: string): Channel {
    if (!isReadableName(name)) {
      throw new MilepostError("invalid_channel", `"${name}" is not a valid channel name`);
    }
    const own: ClientInternals = { channels: this.#channels, client: this };
    const channel: Channel & { readonly [internals]: ClientInternals } = {
      [internals]: own,
      name,
      subscribe: (handlers, options) => this.subscribe(name, handlers, options),
      stream: (options = {}) => new ChannelStream(channel, options),
      events: (options = {}) => eventsOf(new ChannelStream(channel, options)),
      publish: (event, data, options) => this.publish(name, event, data, options),
    };
    return channel;
  }

  request(method: string, params?: unknown, options: RequestOptions = {}): Promise<unknown> {
    const { key, timeoutMs = 30_000 } = options;
    const message: Call = {
      type: "request",
      method,
      ...definedFields({ params, key }),
      timeout_ms: Math.max(1, Math.min(Math.ceil(timeoutMs), 600_000)),
    };
    const resend = key !== undefined || readOnlyMethods.has(method);
    return this.call(message, { ...options, resend });
  }

  exchange(message: Call, options: CallOptions, outcome: Outcome): Exchange {
    const error = this.#closedWith();
    if (error !== undefined) throw error;
    this.#connectOnUse();
    return this.#requests.start(message, options, outcome);
  }

  async publish(
    channel: string,
    event: string,
    data: unknown,
    options: PublishOptions = {},
  ): Promise<Published> {
    const { key: ownKey, timeoutMs = publishTimeoutMs, signal, priority } = options;
    const key = ownKey ?? this.newKey();
    const result = await this.call(
      {
        type: "publish",
        channel,
        event,
        data: data ?? null,
        key,
        ...definedFields({ priority }),
      },
      {
        resend: true,
        timeoutMs: Math.min(timeoutMs, maxPublishTimeoutMs),
        ...definedFields({ signal }),
      },
    );
    const { position, duplicate, local } = isRecord(result) ? result : {};
    // Only the client itself repeats a publish with a key that it made, after its reply was lost.
    const isDuplicate = duplicate === true && ownKey !== undefined;
    const published = { channel, position: String(position), duplicate: isDuplicate };
    return local === true ? { ...published, local } : published;
  }

  protected call(message: Call, options: CallOptions): Promise<unknown> {
    return new Promise((resolve, reject) => this.exchange(message, options, { resolve, reject }));
  }

  protected subscribe(
    ...subscription: Parameters<Channels["subscribe"]>
  ): ReturnType<Channels["subscribe"]> {
    this.#connectOnUse();
    return this.#channels.subscribe(...subscription);
  }

  #connectOnUse(): void {
    if (this.state.state === "idle") this.connect();
  }

  #closedWith(): MilepostError | undefined {
    const state = this.state;
    return state.state === "closed" ? closeError(state.code, state.reason) : undefined;
  }

  #onMessage(message: RawMessage): void {
    if (message.type === "reply") this.#requests.reply(message);
    else if (message.type === "chunk") this.#requests.chunk(message);
    else this.#channels.take(message);
  }
}
