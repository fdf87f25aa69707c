import { MilepostError } from "@milepost/protocol";
import type { MaintenanceLoop } from "../cluster/maintenance-loop.ts";
import type { NodeContext } from "./node-context.ts";

const closeGraceMs = 2_000;
const minReconnectMs = 100;
const maxReconnectMs = 1_000;

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

  run(drainMs: number): Promise<void> {
    this.#done ??= this.#run(drainMs);
    return this.#done;
  }

  async #run(drainMs: number): Promise<void> {
    const { connections, engine, hub, channels, operations, presences } = this.#context;
    const { registration, ownership, wheel, ticker, outage, errorLog } = this.#context;
    const reconnect = { min_ms: minReconnectMs, max_ms: Math.max(maxReconnectMs, drainMs) };
    for (const connection of connections.all) connection.announceShutdown(reconnect);
    await Promise.race([connections.empty(), wheel.pause(drainMs)]);
    for (const connection of [...connections.all])
      connection.close(4000, "the node is shutting down");
    await Promise.race([connections.empty(), wheel.pause(closeGraceMs)]);
    for (const connection of [...connections.all]) connection.abandon();
    await operations.close().catch(errorLog.report);
    await presences.close().catch(errorLog.report);
    await this.#maintenance.close().catch(errorLog.report);
    await registration.close().catch(errorLog.report);
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
