import type { JoinQueue } from "@milepost/model";
import { textOf } from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import type { Method } from "./method-services.ts";

/** Method `queues.join {queue, user?, session?, lane?, operation?, key?}`: joins a queue, or returns the live ticket in it. */
export const joinQueue: Method = async ({ queues }, principal, params) => {
  const queue = orThrow(readInput(params, (fields) => fields.required("queue", textOf(255))));
  // The queue service reads and checks every other field.
  return queues.join(principal, queue, params as JoinQueue);
};
