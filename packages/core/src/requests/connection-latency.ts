import { listOf, numberIn } from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import { maxReportedAgeMs, maxReportedAges } from "../latency/latency-reports.ts";
import type { Method } from "./method-services.ts";

const readAges = listOf(numberIn(0, maxReportedAgeMs), 1, maxReportedAges);

/** Method `connection.latency {ages?}`: counts how old entries were at the client, and tells the time of the store. */
export const reportLatency: Method = async ({ latency }, _principal, params, caller) =>
  latency.take(
    caller,
    orThrow(readInput(params, (fields) => fields.optional("ages", readAges))) ?? [],
  );
