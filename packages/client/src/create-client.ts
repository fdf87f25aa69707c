import { definedFields, isChannelSegment, isRecord, MilepostError } from "@milepost/protocol";
import { idOf } from "./channel/id-of.ts";
import { NotificationFeed } from "./channel/notification-feed.ts";
import type { Client, ClientOptions } from "./client.ts";
import { type ConnectionMetrics, MetricsRecorder } from "./connection/metrics.ts";
import { MetricsTicker } from "./connection/metrics-ticker.ts";
import type { AnyContract, AnyFormOfContract, ContractOf, ContractOption } from "./contract.ts";
import { CoreClient } from "./core-client.ts";
import { LazyHandle, type LazyHandleParts } from "./operation/lazy-handle.ts";
import { LazyOperation } from "./operation/lazy-operation.ts";
import type { InputOptions, OperationHandle, OperationListHandle } from "./operation/operation.ts";
import { systemClock } from "./runtime/clock.ts";
import { lazyCode } from "./runtime/lazy-code.ts";
import { Reporter } from "./runtime/reporter.ts";
import { Schedule } from "./runtime/schedule.ts";
import { lazyUpgrade } from "./transport/lazy-upgrade.ts";
import { TransportFallback } from "./transport/transport-fallback.ts";
import { TransportTrial } from "./transport/transport-trial.ts";
import { createUpgrade, transportsOf } from "./transport/transports.ts";

/**
 * Creates a client; it connects on first use or with `connect`.
 *
 * A contract gives the client its types: `createClient<typeof contract>({url})` with `import type { contract
 * }`, or `createClient({url, contract})`. The client checks no data itself; the gateway does. Throws
 * `bad_message` for an invalid address, and `not_supported` where none of the transports is available.
 */
export function createClient<C extends AnyFormOfContract = AnyContract>(
  options: ClientOptions & ContractOption<C>,
): Client<ContractOf<C>> {
  // Internally channels and events are names and unknown data; the caller's contract provides their types.
  return new MilepostClient(options) as unknown as Client<ContractOf<C>>;
}

/** Code of operations, which all clients of a page share. */
export const operationCode = lazyCode(() => import("./operation/operation-code.ts"));

const commandTimeoutMs = 60_000;
/**
 * Number of remembered operation handles. Once it is reached, the client removes the handles that the
 * application no longer references whenever it adds one.
 */
const maxForgotten = 100;

class MilepostClient
  extends CoreClient
  implements Omit<Client, "channel" | "operation" | "request">
{
  readonly notifications: NotificationFeed;
  readonly #list: OperationListHandle;
  readonly #metrics: MetricsTicker;
  readonly #lazy: LazyHandleParts<typeof import("./operation/operation-code.ts")>;
  readonly #operations = new Map<string, WeakRef<OperationHandle>>();

  constructor(options: ClientOptions) {
    const { clock = systemClock } = options;
    const reporter = new Reporter(options.onError);
    const schedule = new Schedule(clock);
    const metrics = new MetricsTicker(new MetricsRecorder(clock), schedule, reporter);
    const transports = new TransportFallback(transportsOf(options));
    super(options, {
      transports,
      trial: new TransportTrial(transports, clock),
      upgrade: (parts, adopt) =>
        lazyUpgrade(parts.schedule, transports, () => createUpgrade(parts, transports, adopt)),
      metrics,
    });
    this.#metrics = metrics;
    const parts = {
      reporter: this.reporter,
      identity: this,
      subscribe: (...subscription: Parameters<CoreClient["subscribe"]>) =>
        this.subscribe(...subscription),
    };
    this.#lazy = { code: operationCode, schedule, reporter };
    this.#list = new LazyHandle(this.#lazy, (code) => new code.LiveOperationList(parts));
    this.notifications = new NotificationFeed(parts);
  }

  /**
   * Connects, and meanwhile loads the code of operations. A page that needs it only after weeks has it then, although a
   * deployment may have removed the file.
   */
  override connect(): void {
    super.connect();
    operationCode.load().catch(() => {});
  }

  metrics(): ConnectionMetrics {
    return this.#metrics.read();
  }

  onMetrics(listener: () => void): () => void {
    return this.#metrics.add(listener);
  }

  operation(idOrName: string): OperationHandle {
    const id = idOf("operation", idOrName);
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
    const handle = new LazyOperation(id, this.#lazy, {
      reporter: this.reporter,
      identity: this,
      subscribe: (name, handlers, options) => this.subscribe(name, handlers, options),
      request: (method, params, options) => this.#request(method, params, options),
    });
    this.#operations.set(id, new WeakRef(handle));
    return handle;
  }

  operations(): OperationListHandle {
    return this.#list;
  }

  async #request(
    method: string,
    params: Readonly<Record<string, unknown>>,
    { key = this.newKey(), signal }: InputOptions,
  ): Promise<unknown> {
    const result = await this.call(
      { type: "request", method, params: { ...params, key } },
      { resend: true, timeoutMs: commandTimeoutMs, ...definedFields({ signal }) },
    );
    const id = method === "operations.input" ? "input_id" : "command_id";
    if (isRecord(result) && typeof result[id] === "string") return result;
    throw new MilepostError("internal", `the gateway accepted the request but returned no ${id}`);
  }
}
