import { MilepostError } from "@milepost/protocol";
import type { Pulse } from "../cluster/maintenance-loop.ts";
import type { OperationService } from "../operations/operation-service.ts";
import type { NodeContext } from "./node-context.ts";

const closeGraceMs = 2_000;
const minReconnectMs = 100;
const maxReconnectMs = 1_000;

/** How a node goes away: announce, drain, close, free. */
export class Shutdown {
  readonly #context: NodeContext;
  readonly #operations: OperationService;
  readonly #pulse: Pulse;
  #done: Promise<void> | undefined;
  #ended = false;

  constructor(context: NodeContext, operations: OperationService, pulse: Pulse) {
    this.#context = context;
    this.#operations = operations;
    this.#pulse = pulse;
  }

  get hasBegun(): boolean {
    return this.#done !== undefined;
  }

  /** Throws `shutting_down` once everything is freed. */
  refuseWhenEnded(): void {
    if (this.#ended) throw new MilepostError("shutting_down", "the node has gone away");
  }

  run(drainMs: number): Promise<void> {
    this.#done ??= this.#run(drainMs);
    return this.#done;
  }

  async #run(drainMs: number): Promise<void> {
    const { connections, engine, hub, presences, roll, wheel, ticker, outage, faults } =
      this.#context;
    const reconnect = { min_ms: minReconnectMs, max_ms: Math.max(maxReconnectMs, drainMs) };
    for (const attachment of connections.all) attachment.announceShutdown(reconnect);
    await Promise.race([connections.empty(), wheel.pause(drainMs)]);
    for (const attachment of [...connections.all]) attachment.close(4000, "the node goes away");
    await Promise.race([connections.empty(), wheel.pause(closeGraceMs)]);
    for (const attachment of [...connections.all]) attachment.abandon();
    await this.#operations.close().catch(faults.note);
    await presences.close().catch(faults.note);
    await this.#pulse.close().catch(faults.note);
    await roll.close().catch(faults.note);
    outage.close();
    hub.close();
    wheel.close();
    ticker.close();
    this.#ended = true;
    await engine.close();
  }
}
