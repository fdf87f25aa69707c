import { textOf } from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import type { Method } from "./method-services.ts";

/** Method `queues.leave {queue, ticket}`: leaves a queue, and returns the ticket as it is then. */
export const leaveQueue: Method = async ({ queues }, principal, params) => {
  const { queue, ticket } = orThrow(
    readInput(params, (fields) => ({
      queue: fields.required("queue", textOf(255)),
      ticket: fields.required("ticket", textOf(256)),
    })),
  );
  return queues.leave(principal, queue, ticket);
};
