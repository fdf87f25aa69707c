import type { Queues } from "@milepost/engine";
import { altered } from "@milepost/engine/testing";

/** Puts a defect into the product by wrapping its queues. */
export type SpoilQueues = (queues: Queues) => Queues;

/** Mutants of queues. */
export const queueMutants: Readonly<Record<string, SpoilQueues>> = {
  "a running ticket is served again": spoilt((queues) => ({
    claim: async (queue, request) => {
      const [running] = await queues.running(queue, 1);
      const result = await queues.claim(queue, request);
      if (running === undefined || result.status !== "empty") return result;
      return { status: "claimed", ticket: running, isRepeat: false };
    },
  })),
  "a ticket is lost with its worker": spoilt((queues) => ({
    sweep: async (queue, limit) => {
      const swept = await queues.sweep(queue, limit);
      for (const { id } of swept.returned) await queues.leave(queue, id);
      return swept;
    },
  })),
  "a ticket comes back behind the next one": spoilt((queues) => ({
    claim: async (queue, request) => {
      const result = await queues.claim(queue, request);
      if (result.status !== "claimed" || result.isRepeat || result.ticket.claims < 2) return result;
      const next = await queues.claim(queue, { ...request, key: `${request.key} next` });
      await queues.fail(queue, result.ticket.id, result.ticket.fence ?? 0, { giveBack: true });
      return next;
    },
  })),
  "an old fence is accepted": spoilt((queues) => ({
    finish: async (queue, id, fence) => {
      const [ticket] = await queues.get(queue, [id]);
      return queues.finish(queue, id, ticket?.fence ?? fence);
    },
  })),
  "fences begin again with every ticket": spoilt((queues) => ({
    claim: async (queue, request) => {
      const result = await queues.claim(queue, request);
      if (result.status !== "claimed") return result;
      return { ...result, ticket: { ...result.ticket, fence: result.ticket.claims } };
    },
  })),
  "a light lane does not move": spoilt((queues) => ({
    configure: (queue, settings, maxQueues) => {
      const lanes = Object.entries(settings.lanes ?? {});
      const spread = lanes.map(([lane, weight]) => [lane, weight > 1 ? 1_000 : 0.01]);
      return queues.configure(queue, { ...settings, lanes: Object.fromEntries(spread) }, maxQueues);
    },
  })),
  "one more runs than the capacity allows": spoilt((queues) => ({
    configure: (queue, settings, maxQueues) => {
      const capacity = Number(settings.capacity) + 1;
      return queues.configure(queue, { ...settings, capacity }, maxQueues);
    },
  })),
  "a person who was seen is taken for gone": spoilt((queues) => ({
    markSeen: (queue, ids) => queues.markSeen(queue, ids, 0),
  })),
  "somebody who was never seen is taken for gone": spoilt((queues) => ({
    join: async (queue, request) => {
      const result = await queues.join(queue, request);
      if (result.isNew) await queues.markSeen(queue, [result.ticket.id], 0);
      return result;
    },
  })),
  "a person who is gone keeps the place for ever": spoilt((queues) => ({
    markSeen: (queue, ids) => queues.markSeen(queue, ids, 1e9),
    markGone: async () => 0,
  })),
  "a person who comes back has no grace after an outage": spoilt((queues) => ({
    configure: (queue, settings, maxQueues) =>
      queues.configure(queue, { ...settings, graceMs: 1_000 }, maxQueues),
  })),
  "a repeated claim gets another ticket": spoilt((queues) => ({
    claim: (queue, { key: _, ...request }) => queues.claim(queue, request),
  })),
  "an owner has two tickets": spoilt((queues) => ({
    join: async (queue, request) => {
      const result = await queues.join(queue, {
        ...request,
        owner: `${request.owner} ${request.id}`,
      });
      return { ...result, ticket: { ...result.ticket, owner: request.owner } };
    },
  })),
  "positions ignore the other lanes": spoilt((queues) => ({
    get: async (queue, ids) => {
      const tickets = await queues.get(queue, ids);
      return tickets.map((ticket) =>
        ticket?.place === undefined
          ? ticket
          : { ...ticket, place: { ...ticket.place, position: ticket.place.aheadInLane + 1 } },
      );
    },
  })),
};

function spoilt(methods: (queues: Queues) => Partial<Queues>): SpoilQueues {
  return (queues) => altered<Queues>(queues, methods(queues));
}
