import type { Fact } from "@milepost/checker";
import type { HeldResult, Queues } from "@milepost/engine";
import { altered } from "@milepost/engine/testing";

/**
 * Returns the port of a store that records every step when it is made, so that a step whose answer is lost is
 * recorded, too.
 */
export function recordedQueues(queues: Queues, add: (fact: Fact) => void): Queues {
  const call = (
    queue: string,
    ticket: string,
    fence: number,
    name: "extend" | "finish" | "fail" | "give_back",
    { status, ...rest }: HeldResult,
    leaseMs?: number,
  ) => {
    const isRepeat = status === "held" && "isRepeat" in rest && rest.isRepeat;
    add({
      type: "ticket_call",
      queue,
      ticket,
      fence,
      call: name,
      outcome: isRepeat ? "repeated" : status,
      ...(leaseMs === undefined ? {} : { lease_ms: leaseMs }),
    });
  };
  return altered<Queues>(queues, {
    configure: async (queue, settings, maxQueues) => {
      const state = await queues.configure(queue, settings, maxQueues);
      const { capacity, lanes = {}, graceMs = 0 } = settings;
      if (typeof capacity !== "number") throw new Error("the simulation knows numbers only");
      add({ type: "queue", queue, capacity, lanes, grace_ms: graceMs });
      return state;
    },
    join: async (queue, request) => {
      const result = await queues.join(queue, request).catch((error: unknown) => {
        add({ type: "touched", queue });
        throw error;
      });
      const { id, owner, lane, place } = result.ticket;
      add({ type: "joined", queue, ticket: id, owner, lane, is_new: result.isNew });
      if (place !== undefined) {
        const { position, total, aheadInLane } = place;
        add({ type: "placed", queue, ticket: id, position, total, ahead_in_lane: aheadInLane });
      }
      return result;
    },
    get: async (queue, ids) => {
      const tickets = await queues.get(queue, ids);
      for (const ticket of tickets) {
        if (ticket?.place === undefined) continue;
        const { position, total, aheadInLane } = ticket.place;
        const place = { position, total, ahead_in_lane: aheadInLane };
        add({ type: "placed", queue, ticket: ticket.id, ...place });
      }
      return tickets;
    },
    leave: async (queue, id) => {
      const [before] = await queues.get(queue, [id]);
      const ticket = await queues.leave(queue, id);
      if (before?.state !== "left" && ticket?.state === "left") {
        add({ type: "ticket_moved", queue, ticket: id, to: "left" });
      } else {
        add({ type: "touched", queue });
      }
      return ticket;
    },
    claim: async (queue, request) => {
      const result = await queues.claim(queue, request);
      const { worker, key = "", leaseMs = 0 } = request;
      const claim = { type: "claimed", queue, worker, key, lease_ms: leaseMs } as const;
      if (result.status === "claimed") {
        const { id, fence = 0 } = result.ticket;
        add({ ...claim, ticket: id, fence, is_repeat: result.isRepeat });
      } else {
        add({ ...claim, reason: result.status });
      }
      return result;
    },
    extend: async (queue, id, fence, leaseMs) => {
      const result = await queues.extend(queue, id, fence, leaseMs);
      call(queue, id, fence, "extend", result, leaseMs);
      return result;
    },
    finish: async (queue, id, fence) => {
      const result = await queues.finish(queue, id, fence);
      call(queue, id, fence, "finish", result);
      return result;
    },
    fail: async (queue, id, fence, options) => {
      const result = await queues.fail(queue, id, fence, options);
      call(queue, id, fence, options?.giveBack === true ? "give_back" : "fail", result);
      return result;
    },
    markSeen: async (queue, ids, forMs) => {
      const live = await queues.markSeen(queue, ids, forMs);
      for (const ticket of ids) add({ type: "person", queue, ticket, sign: "seen", for_ms: forMs });
      return live;
    },
    markGone: async (queue, ids) => {
      const live = await queues.markGone(queue, ids);
      for (const ticket of ids) add({ type: "person", queue, ticket, sign: "gone" });
      return live;
    },
    sweep: async (queue, limit) => {
      const swept = await queues.sweep(queue, limit);
      for (const { id } of swept.returned)
        add({ type: "ticket_moved", queue, ticket: id, to: "returned" });
      for (const { id } of swept.gone) add({ type: "ticket_moved", queue, ticket: id, to: "gone" });
      add({ type: "swept", queue, is_done: !swept.hasMore });
      return swept;
    },
  });
}
