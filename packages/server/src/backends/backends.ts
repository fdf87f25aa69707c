import type { Methods } from "@milepost/core";
import { MilepostError } from "@milepost/protocol";
import { Backend, type BackendOptions, type BackendParts, type BackendStats } from "./backend.ts";
import type { BreakerState } from "./circuit-breaker.ts";

/** Backends, keyed by the method or method pattern they answer: `orders.get`, `orders.*`. */
export type BackendsOptions = Readonly<Record<string, BackendOptions>>;

/** Set of all backends of a gateway. */
export class Backends {
  readonly #byMethods: ReadonlyMap<string, Backend>;

  constructor(options: BackendsOptions, parts: BackendParts) {
    this.#byMethods = new Map(
      Object.entries(options).map(([methods, backend]) => [
        methods,
        new Backend(methods, backend, parts),
      ]),
    );
  }

  /**
   * Merges the host program's own methods with the methods that backends answer; throws `bad_message` for a
   * name that is in both.
   */
  besides(own: Methods): Methods {
    const methods: Record<string, Methods[string]> = { ...own };
    for (const [name, { definition }] of this.#byMethods) {
      if (Object.hasOwn(own, name)) {
        const message = `method ${JSON.stringify(name)} is in methods and in backends; keep one`;
        throw new MilepostError("bad_message", message);
      }
      methods[name] = definition;
    }
    return methods;
  }

  get stats(): readonly BackendStats[] {
    return [...this.#byMethods.values()].map(({ stats }) => stats);
  }

  /** Number of backends in each breaker state. */
  get counts(): Readonly<Record<BreakerState, number>> {
    const counts = { closed: 0, open: 0, half_open: 0 };
    for (const { state } of this.stats) counts[state]++;
    return counts;
  }

  close(): void {
    for (const backend of this.#byMethods.values()) backend.close();
  }
}
