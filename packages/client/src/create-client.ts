import type { OperationCommandName } from "@milepost/model";
import { isChannelSegment, isRecord, MilepostError, parseReadableName } from "@milepost/protocol";
import { Backoff } from "./backoff.ts";
import type { Channel, Published, PublishOptions } from "./channel.ts";
import { ChannelStream, eventsOf } from "./channel-stream.ts";
import { Channels } from "./channels.ts";
import type { Client, ClientOptions } from "./client.ts";
import { type ClientClock, systemClock } from "./clock.ts";
import { Connection } from "./connection.ts";
import type { ConnectionState } from "./connection-state.ts";
import type { AnyContract, AnyFormOfContract, ContractOf, DefinedContract } from "./contract.ts";
import { gatewayUrl } from "./gateway-url.ts";
import { Ladder } from "./ladder.ts";
import { type ConnectionMetrics, Meter } from "./metrics.ts";
import { MetricsTicker } from "./metrics-ticker.ts";
import { NotificationFeed } from "./notification-feed.ts";
import type { CommandOptions, OperationHandle, OperationListHandle } from "./operation.ts";
import { OperationListWatch } from "./operation-list.ts";
import { OperationWatch } from "./operation-watch.ts";
import { randomKeys } from "./random-keys.ts";
import { Reporter } from "./reporter.ts";
import { type Call, type CallOptions, type RequestOptions, Requests } from "./requests.ts";
import { Schedule } from "./schedule.ts";
import type { RawMessage } from "./server-frame.ts";
import { closeError } from "./service-error.ts";
import { TokenKeeper } from "./token.ts";
import { TokenRenewal } from "./token-renewal.ts";
import { transportsOf } from "./transports.ts";

/**
 * Makes a client; it connects on first use or with `connect`.
 *
 * Its types are those of a contract: `createClient<typeof contract>({url})` with `import type { contract }`, or
 * `createClient({url, contract})`. It checks nothing itself; the gateway does. Throws `bad_message` for an address that is none, and `not_supported` where none of its transports
 * can be had.
 */
export function createClient<C extends AnyFormOfContract = AnyContract>(
  options: ClientOptions & ContractOption<C>,
): Client<ContractOf<C>> {
  // Inside, channels and events are names and unknown data; their types are the caller's contract.
  return new MilepostClient(options) as unknown as Client<ContractOf<C>>;
}

/** A contract for its types. */
interface ContractOption<C> {
  readonly contract?: C & DefinedContract;
}

const publishTimeoutMs = 60_000;
/** The service knows a key for 10 minutes; resending later could publish twice. */
const maxPublishTimeoutMs = 540_000;
const commandTimeoutMs = 60_000;
/** What may be asked twice, since asking changes nothing. */
const readOnlyMethods = new Set([
  "operations.get",
  "operations.list",
  "history.get",
  "presence.get",
]);
/** Past this many, handles that nobody holds any more are forgotten. */
const maxForgotten = 100;

class MilepostClient implements Omit<Client, "channel" | "operation" | "request"> {
  readonly clock: ClientClock;
  readonly notifications: NotificationFeed;
  readonly #reporter: Reporter;
  readonly #renewal: TokenRenewal;
  readonly #connection: Connection;
  readonly #requests: Requests;
  readonly #channels: Channels;
  readonly #metrics: MetricsTicker;
  readonly #list: OperationListWatch;
  readonly #operations = new Map<string, WeakRef<OperationWatch>>();
  readonly #newKey: () => string;

  constructor(options: ClientOptions) {
    const { clock = systemClock, random = Math.random } = options;
    this.clock = clock;
    this.#newKey = randomKeys(random);
    const token = new TokenKeeper(options.token);
    const reporter = new Reporter(options.onError);
    this.#reporter = reporter;
    const schedule = new Schedule(clock);
    const backoff = new Backoff(options.backoff ?? {}, random);
    const meter = new Meter(clock);
    this.#metrics = new MetricsTicker(meter, schedule, reporter);
    const ladder = new Ladder(transportsOf(options));
    const url = gatewayUrl(options.url);
    const connection = new Connection(
      {
        url,
        ladder,
        token,
        backoff,
        clock,
        schedule,
        meter,
        reporter,
        batchMs: options.batchMs ?? 0,
      },
      {
        onUp: ({ maxMessageBytes }) => {
          this.#metrics.look();
          this.#requests.up(maxMessageBytes);
          this.#channels.up();
        },
        onDown: () => {
          this.#renewal.down();
          this.#metrics.look();
          this.#channels.down();
          this.#requests.down();
        },
        onClosed: (code, reason) => {
          const error = closeError(code, reason);
          this.#requests.closed(error);
          this.#channels.closed(error);
        },
        onMessage: (message) => this.#onMessage(message),
        onTokenExpiring: () => this.#renewal.expiring(),
      },
    );
    this.#connection = connection;
    const isUp = () => connection.state.state === "connected";
    this.#requests = new Requests(
      {
        get isUp() {
          return isUp();
        },
        sendText: (text, canWait) => connection.sendText(text, canWait),
      },
      schedule,
    );
    const closedWith = () => this.#closedWith();
    const requests = this.#requests;
    this.#renewal = new TokenRenewal({ token, requests, clock, schedule, reporter });
    this.#channels = new Channels({ requests, schedule, backoff, reporter, isUp, closedWith });
    const subscribe: Channels["subscribe"] = (...subscription) => this.#subscribe(...subscription);
    this.#list = new OperationListWatch({ reporter, identity: this, subscribe });
    this.notifications = new NotificationFeed({ reporter, identity: this, subscribe });
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  onState(listener: (state: ConnectionState) => void): () => void {
    return this.#connection.onState(listener);
  }

  metrics(): ConnectionMetrics {
    return this.#metrics.read();
  }

  onMetrics(listener: () => void): () => void {
    return this.#metrics.add(listener);
  }

  connect(): void {
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
    const valid = parseReadableName(name);
    if (!valid.ok) throw MilepostError.from(valid.failure);
    const channel: Channel = {
      name,
      subscribe: (handlers, options) => this.#subscribe(name, handlers, options),
      stream: (options = {}) => new ChannelStream(channel, options),
      events: (options = {}) => eventsOf(new ChannelStream(channel, options)),
      publish: (event, data, options) => this.publish(name, event, data, options),
    };
    return channel;
  }

  operation(id: string): OperationHandle {
    if (!isChannelSegment(id)) {
      throw new MilepostError("invalid_channel", `"${id}" cannot be the id of an operation`);
    }
    const known = this.#operations.get(id)?.deref();
    if (known !== undefined) return known;
    if (this.#operations.size >= maxForgotten) {
      for (const [other, handle] of this.#operations) {
        if (handle.deref() === undefined) this.#operations.delete(other);
      }
    }
    const handle = new OperationWatch(id, {
      reporter: this.#reporter,
      identity: this,
      subscribe: (name, handlers, options) => this.#subscribe(name, handlers, options),
      command: (operationId, command, options) => this.#command(operationId, command, options),
    });
    this.#operations.set(id, new WeakRef(handle));
    return handle;
  }

  operations(): OperationListHandle {
    return this.#list;
  }

  request(method: string, params?: unknown, options: RequestOptions = {}): Promise<unknown> {
    const { timeoutMs = 30_000 } = options;
    const message: Call = {
      type: "request",
      method,
      ...(params !== undefined && { params }),
      timeout_ms: Math.max(1, Math.min(Math.ceil(timeoutMs), 600_000)),
    };
    return this.#call(message, { ...options, resend: readOnlyMethods.has(method) });
  }

  async publish(
    channel: string,
    event: string,
    data: unknown,
    options: PublishOptions = {},
  ): Promise<Published> {
    const { key = this.#newKey(), timeoutMs = publishTimeoutMs, signal, priority } = options;
    const result = await this.#call(
      {
        type: "publish",
        channel,
        event,
        data: data ?? null,
        key,
        ...(priority !== undefined && { priority }),
      },
      {
        resend: true,
        timeoutMs: Math.min(timeoutMs, maxPublishTimeoutMs),
        ...(signal !== undefined && { signal }),
      },
    );
    const { position, duplicate } = isRecord(result) ? result : {};
    return { channel, position: String(position), duplicate: duplicate === true };
  }

  async #command(
    operationId: string,
    command: OperationCommandName,
    { args, key = this.#newKey(), signal }: CommandOptions,
  ): Promise<string> {
    const result = await this.#call(
      {
        type: "request",
        method: "operations.command",
        params: { operation_id: operationId, command, key, ...(args !== undefined && { args }) },
      },
      { resend: true, timeoutMs: commandTimeoutMs, ...(signal !== undefined && { signal }) },
    );
    if (isRecord(result) && typeof result.command_id === "string") return result.command_id;
    throw new MilepostError("internal", "the service took the command and gave it no id");
  }

  #call(message: Call, options: CallOptions): Promise<unknown> {
    const error = this.#closedWith();
    if (error !== undefined) return Promise.reject(error);
    this.#connectOnUse();
    return this.#requests.call(message, options);
  }

  #subscribe(
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
    else this.#channels.take(message);
  }
}
