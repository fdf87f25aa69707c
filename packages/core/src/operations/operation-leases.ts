import type { Clock, Lease, Leases } from "@milepost/engine";
import type { OperationLease, OperationState } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import type { Renewal } from "./operation-deadlines.ts";
import { defaultLeaseMs } from "./operation-inputs.ts";
import { operationChannel } from "./operation-log.ts";

/** Who may report on which operation, and until when. */
export class OperationLeases {
  readonly #leases: Leases;
  readonly #clock: Clock;

  constructor(leases: Leases, clock: Clock) {
    this.#leases = leases;
    this.#clock = clock;
  }

  /** The lease of a new operation, also where one that nobody knows of is in the way. */
  async begin(operationId: string, ttlMs: number): Promise<Lease> {
    const lease = await this.#leases.acquire(operationChannel(operationId), ttlMs);
    return lease ?? this.take(operationId, ttlMs);
  }

  /** Takes the lease with a higher fence; without a length it keeps the one it had. */
  async take(operationId: string, ttlMs?: number): Promise<Lease> {
    const name = operationChannel(operationId);
    const length = ttlMs ?? (await this.#leases.get(name))?.ttlMs ?? defaultLeaseMs;
    const lease = await this.#leases.acquire(name, length, { force: true });
    if (lease === undefined)
      throw new MilepostError("store_unavailable", "no lease could be taken");
    return lease;
  }

  /** Renews the lease of who holds it; rejects with `stale_lease`. */
  async renew(operationId: string, token: string | undefined): Promise<Lease> {
    const name = operationChannel(operationId);
    const lease = token === undefined ? undefined : await this.#leases.renew(name, token);
    if (lease !== undefined) return lease;
    throw new MilepostError("stale_lease", "the lease is not, or no longer, the operation's");
  }

  /** The lease for who asks for an operation that exists: the one it has, or a new one where that has ended. */
  async again(
    { id, producer_id }: OperationState,
    producer: string | undefined,
    ttlMs: number,
  ): Promise<Lease> {
    const name = operationChannel(id);
    const current = await this.#leases.get(name);
    const holds =
      current !== undefined && current.expiresAt > this.#clock.now() && producer_id === producer;
    const renewed = holds ? await this.#leases.renew(name, current.token) : undefined;
    return renewed ?? this.take(id, ttlMs);
  }

  /** The producer's last renewal, here or at another node; undefined when nobody holds a lease. */
  async lastRenewal(operationId: string): Promise<Renewal | undefined> {
    const lease = await this.#leases.get(operationChannel(operationId));
    if (lease === undefined) return undefined;
    const { ttlMs, expiresAt } = lease;
    // A wall clock that was set back must not put it into the future.
    const leftMs = Math.min(expiresAt - this.#clock.now(), ttlMs);
    const at = this.#clock.monotonic() - ttlMs + leftMs;
    return { at, leaseMs: ttlMs, expiresAt };
  }

  /** The renewal that was just made with this lease. */
  renewalOf({ ttlMs, expiresAt }: Lease): Renewal {
    return { at: this.#clock.monotonic(), leaseMs: ttlMs, expiresAt };
  }
}

/** A lease as its holder is told. */
export function asOperationLease({ token, fence, ttlMs }: Lease): OperationLease {
  return { token, fence, ttl_ms: ttlMs };
}
