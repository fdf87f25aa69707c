import { z } from "zod";
import { answerJson } from "../answer.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpDoorOptions } from "../endpoint.ts";
import { accepted, readAs } from "../reading.ts";

const filterSchema = z.object({
  kind: z.string().exactOptional(),
  limit: z.coerce.number().exactOptional(),
});
const share = z.number().nullable();
const calibration = z.object({
  count: z.number(),
  below_p50: share,
  below_p90: share,
  inside: share,
});
const duration = z.object({ count: z.number(), p50_ms: share, p90_ms: share, p99_ms: share });
const reportSchema = z
  .object({
    kinds: z.array(
      z.object({
        kind: z.string(),
        duration,
        estimates: calibration,
        by_mark: z.record(z.string(), calibration),
      }),
    ),
    queues: z.array(z.object({ queue: z.string(), wait: duration, estimates: calibration })),
  })
  .meta({ id: "EstimateReport" });

/** Endpoint `GET /v1/estimates`: what is learned about kinds and queues, and how true the estimates were. */
export function estimateEndpoint({ core }: HttpDoorOptions): Endpoint {
  return {
    method: "GET",
    path: "/v1/estimates",
    spec: describe({
      summary: "Returns what is learned about times, and how true the estimates were.",
      query: filterSchema,
      success: { status: 200, description: "Kinds and queues.", schema: reportSchema },
    }),
    async handle(context) {
      const filter = accepted(readAs(filterSchema, context.req.query()));
      return answerJson(context, await core.estimates.report(context.get("principal"), filter));
    },
  };
}
