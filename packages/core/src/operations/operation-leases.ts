import type { Clock, Lease, Leases } from "@milepost/engine";
import type { OperationLease, OperationState } from "@milepost/model";
import { MilepostError, StaleLeaseError } from "@milepost/protocol";
import type { Renewal } from "./operation-deadlines.ts";
import { defaultLeaseMs } from "./operation-inputs.ts";
import { operationChannel } from "./operation-log.ts";

/**
 * Leases of operations. The holder of an operation's lease is the one producer that may report on the
 * operation.
 */
export class OperationLeases {
  readonly #leases: Leases;
  readonly #clock: Clock;

  constructor(leases: Leases, clock: Clock) {
    this.#leases = leases;
    this.#clock = clock;
  }

  /** Acquires the lease of a new operation. A lease left over from a failed create is taken over. */
  async begin(operationId: string, holder: string, ttlMs: number): Promise<Lease> {
    const lease = await this.#leases.acquire(operationChannel(operationId), ttlMs, { holder });
    return lease ?? this.take(operationId, holder, ttlMs);
  }

  /**
   * Takes the lease from its current holder, with a higher fence. `holder` names the new one. Without `ttlMs` the lease
   * keeps its current length, or gets the default length if there is no lease.
   */
  async take(operationId: string, holder: string, ttlMs?: number): Promise<Lease> {
    const name = operationChannel(operationId);
    const length = ttlMs ?? (await this.#leases.get(name))?.ttlMs ?? defaultLeaseMs;
    const lease = await this.#leases.acquire(name, length, { force: true, holder });
    if (lease === undefined)
      throw new MilepostError(
        "store_unavailable",
        "the store did not grant the operation's lease; retry later",
      );
    return lease;
  }

  /**
   * Takes the lease from its current holder without a new one, if the check that follows the look at it passes. A lease that
   * somebody acquires meanwhile stays. Returns what the check says.
   */
  async revokeIf(operationId: string, check: () => Promise<boolean>): Promise<boolean> {
    const name = operationChannel(operationId);
    const lease = await this.#leases.get(name);
    if (!(await check())) return false;
    if (lease !== undefined) await this.#leases.release(name, lease.token);
    return true;
  }

  /**
   * Renews the lease that has this token. Rejects with `stale_lease` when the token does not hold it; the error names who
   * does, and since when.
   */
  async renew(operationId: string, token: string | undefined): Promise<Lease> {
    const name = operationChannel(operationId);
    const lease = token === undefined ? undefined : await this.#leases.renew(name, token);
    if (lease !== undefined) return lease;
    const { holder, since } = (await this.#leases.get(name)) ?? {};
    const what = "the lease token is missing, unknown or replaced";
    const advice = "take the operation over to get a new lease";
    if (holder === undefined || since === undefined) {
      throw new StaleLeaseError(`${what}; ${advice}`, undefined);
    }
    const at = new Date(since).toISOString();
    throw new StaleLeaseError(`${what}; ${holder} holds the lease since ${at}; ${advice}`, {
      worker: holder,
      since,
    });
  }

  /**
   * Returns the lease for a repeated create. The same producer gets its current lease, renewed; otherwise a new
   * lease is taken.
   */
  async again(
    { id, producer_id }: OperationState,
    producer: string | undefined,
    holder: string,
    ttlMs: number,
  ): Promise<Lease> {
    const name = operationChannel(id);
    const current = await this.#leases.get(name);
    const holds =
      current !== undefined && current.expiresAt > this.#clock.now() && producer_id === producer;
    const renewed = holds ? await this.#leases.renew(name, current.token) : undefined;
    return renewed ?? this.take(id, holder, ttlMs);
  }

  /** Returns the last renewal of the producer's lease, on any node; undefined when no lease exists. */
  async lastRenewal(operationId: string): Promise<Renewal | undefined> {
    const lease = await this.#leases.get(operationChannel(operationId));
    if (lease === undefined) return undefined;
    const { ttlMs, expiresAt, fence } = lease;
    // The limit keeps a wall clock that was set back from moving the renewal into the future.
    const leftMs = Math.min(expiresAt - this.#clock.now(), ttlMs);
    const at = this.#clock.monotonic() - ttlMs + leftMs;
    return { at, leaseMs: ttlMs, expiresAt, fence };
  }

  /** Returns the renewal of this lease, dated at the current time. */
  renewalOf({ ttlMs, expiresAt, fence }: Lease): Renewal {
    return { at: this.#clock.monotonic(), leaseMs: ttlMs, expiresAt, fence };
  }
}

/** Converts a lease to the form that its holder receives. */
export function asOperationLease({ token, fence, ttlMs }: Lease): OperationLease {
  return { token, fence, ttl_ms: ttlMs };
}
