import { requireService } from "@milepost/core";
import { MilepostError } from "@milepost/protocol";
import { z } from "zod";
import { answerText } from "../answer.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpDoorOptions } from "../endpoint.ts";

/** Path of the metrics; on the server of a host program, it stays with the host. */
export const metricsPath = "/metrics";

/** The endpoint `/metrics`, for services whose key has the scope `metrics`. */
export function metricsEndpoints({ metrics }: HttpDoorOptions): readonly Endpoint[] {
  return [
    {
      method: "GET",
      path: metricsPath,
      spec: describe({
        summary: "Reports the metrics of the gateway for Prometheus.",
        success: {
          status: 200,
          description: "The metrics, as text of Prometheus or OpenMetrics.",
          schema: z.string(),
          mediaType: "text/plain",
        },
      }),
      async handle(context) {
        requireService(context.get("principal"), "metrics");
        if (metrics === undefined) {
          throw new MilepostError(
            "not_supported",
            "this gateway does not keep its metrics; its program gave it a meter, or set metrics to false",
          );
        }
        const { contentType, body } = await metrics.expose(context.req.header("accept"));
        return answerText(context, contentType, body);
      },
    },
  ];
}
