import { expect } from "vitest";
import type { ClaimRequest, QueueSettings, Queues, QueueTicket } from "../../index.ts";
import type { EngineHarness, MakeEngine } from "./engine-harness.ts";

/** One queue named `q` of a fresh engine. Disposing it closes the engine. */
export interface QueueHarness extends AsyncDisposable {
  readonly queues: Queues;
  /** Advances the clock in steps of ten seconds, and sweeps at each, so that no step is an outage. */
  advance(ms: number): Promise<void>;
  /** Advances the clock without any call to the queue. */
  sleep(ms: number): Promise<void>;
  /** Lets owners join, each with its name as the ticket's id. */
  join(...owners: readonly string[]): Promise<void>;
  /** Lets owners join a lane. */
  joinLane(lane: string, ...owners: readonly string[]): Promise<void>;
  /** Claims a ticket and expects to get one. */
  claim(request?: Partial<ClaimRequest>): Promise<QueueTicket & { readonly fence: number }>;
  /** Claims and finishes as many tickets and returns their ids. */
  serve(count: number): Promise<readonly string[]>;
  /** Returns the tickets with these ids, which must be remembered. */
  tickets(...ids: readonly string[]): Promise<readonly QueueTicket[]>;
}

/** Makes an engine with the queue `q`. */
export async function makeQueue(
  make: MakeEngine,
  settings: Partial<QueueSettings> = {},
): Promise<QueueHarness> {
  const harness: EngineHarness = await make();
  const { queues } = harness.engine;
  await queues.configure("q", { capacity: 1_000, ...settings }, 100);
  const claim = async (request: Partial<ClaimRequest> = {}) => {
    const result = await queues.claim("q", { worker: "w", ...request });
    if (result.status !== "claimed") throw new Error(`nothing was claimed: ${result.status}`);
    expect(result.isRepeat).toBe(false);
    return { ...result.ticket, fence: result.ticket.fence ?? 0 };
  };
  return {
    queues,
    claim,
    sleep: (ms) => harness.advance(ms),
    advance: async (ms) => {
      for (let left = ms; left > 0; left -= 10_000) {
        await harness.advance(Math.min(left, 10_000));
        await queues.sweep("q", 0);
      }
    },
    join: async (...owners) => {
      for (const owner of owners) await queues.join("q", { id: owner, owner });
    },
    joinLane: async (lane, ...owners) => {
      for (const owner of owners) await queues.join("q", { id: owner, owner, lane });
    },
    serve: async (count) => {
      const ids: string[] = [];
      for (let n = 0; n < count; n++) {
        const { id, fence } = await claim();
        expect(await queues.finish("q", id, fence)).toMatchObject({ status: "held" });
        ids.push(id);
      }
      return ids;
    },
    tickets: async (...ids) => {
      const found = await queues.get("q", ids);
      return found.map((ticket, at) => {
        if (ticket === undefined) throw new Error(`the ticket ${ids[at]} is not remembered`);
        return ticket;
      });
    },
    [Symbol.asyncDispose]: () => harness[Symbol.asyncDispose](),
  };
}

/** Returns the positions of tickets; 0 for one that does not wait. */
export function positions(tickets: readonly (QueueTicket | undefined)[]): readonly number[] {
  return tickets.map((ticket) => ticket?.place?.position ?? 0);
}
