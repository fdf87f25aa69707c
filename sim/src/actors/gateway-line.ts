import { Submission } from "@milepost/checker/recording";
import type { Operations, ServicePrincipal } from "@milepost/core";
import type { ProducerGateway, ReportEvents, ReportResult } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import type { SeededRandom } from "../seeded-random.ts";
import type { ProcessClock } from "../virtual-time.ts";
import type { World } from "./world.ts";

/** Producing process, as its connection to the gateway sees it. */
export interface LineOwner {
  readonly name: string;
  readonly clock: ProcessClock;
  readonly random: SeededRandom;
  /** Fraction of calls that fail, half of them before and half after they are done. */
  readonly faultiness: () => number;
  /** True once the process has ended; its calls are never answered then. */
  readonly isDead: () => boolean;
}

/** Principal shared by all producing processes: they are one service. */
const principal: ServicePrincipal = { kind: "service", name: "works" };

/**
 * Connection of a producing process to whichever node answers: it has delays and failures, and records what is
 * reported.
 */
export class GatewayLine implements ProducerGateway {
  readonly #world: World;
  readonly #owner: LineOwner;
  /** Fences of the leases that this process received, by token. */
  readonly #fences = new Map<string, number>();
  #reported = 0;

  constructor(world: World, owner: LineOwner) {
    this.#world = world;
    this.#owner = owner;
  }

  readonly create: ProducerGateway["create"] = async (input) => {
    const created = await this.#call((operations) => operations.create(principal, input));
    this.#fences.set(created.lease.token, created.lease.fence);
    return created;
  };

  readonly takeOver: ProducerGateway["takeOver"] = async (operationId, leaseMs) => {
    const lease = await this.#call((operations) =>
      operations.takeOver(principal, operationId, leaseMs),
    );
    this.#fences.set(lease.token, lease.fence);
    return lease;
  };

  readonly pendingCommands: ProducerGateway["pendingCommands"] = (source, waitMs, signal) =>
    this.#call((operations) => operations.pendingCommands(principal, source, waitMs, signal));

  readonly report = async (
    operationId: string,
    input: ReportEvents,
  ): Promise<readonly ReportResult[]> => {
    const line = `report-${this.#reported}`;
    const fence = input.lease === undefined ? undefined : this.#fences.get(input.lease);
    const asked = (input.events ?? []).map(({ event, data, key = "" }) => {
      const submission = new Submission(this.#world.journal, {
        publisher: `${this.#owner.name}/${operationId}`,
        n: ++this.#reported,
        channel: `operation:${operationId}`,
        event,
        data,
        key,
      });
      submission.asks(line, fence);
      return submission;
    });
    const results = await this.#call((operations) =>
      operations.report(principal, operationId, input),
    );
    for (const [i, result] of results.entries()) {
      if (!("error" in result)) asked[i]?.isStored(result);
    }
    return results;
  };

  /** Calls any node that is up, with a delay each way; the call sometimes fails before or after it is done. */
  async #call<T>(work: (operations: Operations) => Promise<T>): Promise<T> {
    const { clock, random, faultiness, isDead } = this.#owner;
    await clock.pause(random.between(1, 20));
    const core = random.pick(this.#world.nodes.filter(({ isUp }) => isUp))?.core;
    if (core === undefined || random.chance(faultiness() / 2)) throw broken();
    const value = await work(core.operations);
    if (isDead()) return new Promise(() => {});
    await clock.pause(random.between(1, 20));
    if (random.chance(faultiness() / 2)) throw broken();
    return value;
  }
}

function broken(): MilepostError {
  return new MilepostError("timed_out", "the simulated connection to the gateway broke");
}
