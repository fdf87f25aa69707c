import { createStudioSender, type StudioSender } from "@milepost/model";
import type { MilepostError } from "@milepost/protocol";
import type { Publish } from "./answer.ts";
import { type Clock, systemClock } from "./clock.ts";
import { type Random, systemRandom } from "./random.ts";

/** Options of {@link createStudio}. Only `publish` is required. */
export interface StudioOptions {
  /** Publishes to the gateway: `publish` of `httpGateway`. */
  readonly publish: Publish;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Called for each update that the gateway refused or that was given up. Default: a process warning. */
  readonly onProblem?: (error: MilepostError) => void;
}

/**
 * Returns the updates for single people: queue, synchronisation, preview, generation, notifications and errors. The
 * API key must be allowed to publish to `user:*` and `guest:*`.
 */
export function createStudio({
  publish,
  clock = systemClock,
  random = systemRandom,
  onProblem = (error) => process.emitWarning(`${error.code}: ${error.message}`, "MilepostStudio"),
}: StudioOptions): StudioSender {
  return createStudioSender({
    publish,
    newKey: () => `studio-${random.id(16)}`,
    after: (ms, call) => clock.after(ms, call),
    onProblem,
  });
}
