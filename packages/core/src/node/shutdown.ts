import { MilepostError } from "@milepost/protocol";
import type { MaintenanceLoop } from "../cluster/maintenance-loop.ts";
import type { NodeContext } from "./node-context.ts";
import { reconnectSpan } from "./reconnect-span.ts";

const closeGraceMs = 2_000;
/** Most connections that are closed at once when the drain ends. More of them are closed in steps before its end. */
const closedAtOnce = 50;
const closeStepMs = 100;
/** Fraction of the drain, at its end, over which connections are closed in steps. */
const closingShare = 0.25;

/** Shutdown of a node: announce, drain, close, free. */
export class Shutdown {
  readonly #context: NodeContext;
  readonly #maintenance: MaintenanceLoop;
  #done: Promise<void> | undefined;
  #ended = false;

  constructor(context: NodeContext, maintenance: MaintenanceLoop) {
    this.#context = context;
    this.#maintenance = maintenance;
  }

  get hasBegun(): boolean {
    return this.#done !== undefined;
  }

  /** Throws `shutting_down` once everything is freed. */
  refuseWhenEnded(): void {
    if (this.#ended)
      throw new MilepostError("shutting_down", "this node has shut down; retry on another node");
  }

  run(drainMs: number, onDrained?: () => Promise<void>): Promise<void> {
    this.#done ??= this.#run(drainMs, onDrained);
    return this.#done;
  }

  /**
   * Waits for the clients to leave, and closes the connections of those that stay. Many connections are closed in
   * steps towards the end of the drain, so that clients which reconnect at once do not all do so together.
   */
  async #drain(drainMs: number): Promise<void> {
    const { connections, wheel } = this.#context;
    const closeSteps = (open: number) => {
      const most = Math.max(1, Math.floor((drainMs * closingShare) / closeStepMs));
      return Math.min(most, Math.max(1, Math.ceil(open / closedAtOnce)));
    };
    const waitMs = drainMs - (closeSteps(connections.size) - 1) * closeStepMs;
    await Promise.race([connections.empty(), wheel.pause(waitMs)]);
    const rest = [...connections.all];
    const size = Math.ceil(rest.length / closeSteps(rest.length));
    for (let from = 0; from < rest.length; from += size) {
      if (from > 0) await Promise.race([connections.empty(), wheel.pause(closeStepMs)]);
      for (const connection of rest.slice(from, from + size)) {
        connection.close(4000, "the node is shutting down");
      }
    }
  }

  async #run(drainMs: number, onDrained?: () => Promise<void>): Promise<void> {
    const { connections, engine, hub, channels, operations, queues, presences } = this.#context;
    const { compactions, deliveries, questions, questionKeeper } = this.#context;
    const { registration, ownership, wheel, ticker, outage, errorLog } = this.#context;
    const announced = [...connections.all];
    for (const [i, connection] of announced.entries()) {
      connection.announceShutdown(reconnectSpan(i, announced.length, drainMs));
    }
    await this.#drain(drainMs);
    await Promise.race([connections.empty(), wheel.pause(closeGraceMs)]);
    for (const connection of [...connections.all]) connection.abandon();
    const answered = onDrained?.();
    questions.close();
    await questionKeeper.close().catch(errorLog.report);
    await queues.close().catch(errorLog.report);
    this.#context.inbox.shutDown();
    await operations.close().catch(errorLog.report);
    await deliveries?.close().catch(errorLog.report);
    await presences.close().catch(errorLog.report);
    await Promise.race([compactions.close().catch(errorLog.report), wheel.pause(closeGraceMs)]);
    await this.#maintenance.close().catch(errorLog.report);
    await registration.close().catch(errorLog.report);
    await answered?.catch(errorLog.report);
    outage.close();
    ownership.close();
    hub.close();
    wheel.close();
    ticker.close();
    this.#ended = true;
    channels.close();
    await engine.close();
  }
}
