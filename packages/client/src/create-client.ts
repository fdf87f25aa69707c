import type { OperationCommandName } from "@milepost/model";
import { isChannelSegment, isRecord, MilepostError } from "@milepost/protocol";
import { NotificationFeed } from "./channel/notification-feed.ts";
import type { Client, ClientOptions } from "./client.ts";
import { type ConnectionMetrics, MetricsRecorder } from "./connection/metrics.ts";
import { MetricsTicker } from "./connection/metrics-ticker.ts";
import type { AnyContract, AnyFormOfContract, ContractOf, ContractOption } from "./contract.ts";
import { CoreClient } from "./core-client.ts";
import { LiveOperation } from "./operation/live-operation.ts";
import { LiveOperationList } from "./operation/live-operation-list.ts";
import type {
  CommandOptions,
  OperationHandle,
  OperationListHandle,
} from "./operation/operation.ts";
import { systemClock } from "./runtime/clock.ts";
import { Reporter } from "./runtime/reporter.ts";
import { Schedule } from "./runtime/schedule.ts";
import { TransportUpgrade, type TransportUpgradeParts } from "./transport/transport-upgrade.ts";
import { transportsOf } from "./transport/transports.ts";

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

const commandTimeoutMs = 60_000;
/** Past this many, handles that nobody holds any more are forgotten. */
const maxForgotten = 100;

class MilepostClient
  extends CoreClient
  implements Omit<Client, "channel" | "operation" | "request">
{
  readonly notifications: NotificationFeed;
  readonly #list: LiveOperationList;
  readonly #metrics: MetricsTicker;
  readonly #operations = new Map<string, WeakRef<LiveOperation>>();

  constructor(options: ClientOptions) {
    const upgrade = (parts: TransportUpgradeParts) => new TransportUpgrade(parts);
    const { clock = systemClock } = options;
    const reporter = new Reporter(options.onError);
    const metrics = new MetricsTicker(new MetricsRecorder(clock), new Schedule(clock), reporter);
    super(options, { transports: transportsOf(options), upgrade, metrics });
    this.#metrics = metrics;
    const parts = {
      reporter: this.reporter,
      identity: this,
      subscribe: (...subscription: Parameters<CoreClient["subscribe"]>) =>
        this.subscribe(...subscription),
    };
    this.#list = new LiveOperationList(parts);
    this.notifications = new NotificationFeed(parts);
  }

  metrics(): ConnectionMetrics {
    return this.#metrics.read();
  }

  onMetrics(listener: () => void): () => void {
    return this.#metrics.add(listener);
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
    const handle = new LiveOperation(id, {
      reporter: this.reporter,
      identity: this,
      subscribe: (name, handlers, options) => this.subscribe(name, handlers, options),
      command: (operationId, command, options) => this.#command(operationId, command, options),
    });
    this.#operations.set(id, new WeakRef(handle));
    return handle;
  }

  operations(): OperationListHandle {
    return this.#list;
  }

  async #command(
    operationId: string,
    command: OperationCommandName,
    { args, key = this.newKey(), signal }: CommandOptions,
  ): Promise<string> {
    const result = await this.call(
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
}
