import { MilepostError, textOf } from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import type { Method } from "./method-services.ts";

/** Method `queues.get {queue, ticket?}`: returns a ticket, without an id the user's own live one in the queue. */
export const getTicket: Method = async ({ queues }, principal, params) => {
  const { queue, ticket } = orThrow(
    readInput(params, (fields) => ({
      queue: fields.required("queue", textOf(255)),
      ticket: fields.optional("ticket", textOf(256)),
    })),
  );
  if (ticket !== undefined) return queues.get(principal, queue, ticket);
  const own = await queues.own(principal, queue);
  if (own !== undefined) return own;
  throw new MilepostError("not_found", "the user has no live ticket in this queue; join it");
};
