import type { StoreHealth } from "@milepost/engine";
import { z } from "zod";
import { answerJson } from "../answer.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpDoorOptions } from "../endpoint.ts";
import { healthSchema } from "../schemas.ts";

const statusSchema = z.object({ status: z.string() });

/** Endpoints `/ws/health`, `/healthz` and `/readyz`; they need no credential. */
export function healthEndpoints({
  core,
  sockets,
  backends,
  now,
  closing,
}: HttpDoorOptions): readonly Endpoint[] {
  return [
    {
      method: "GET",
      path: "/ws/health",
      spec: describe({
        summary: "Reports the state of the node and its connections.",
        success: { status: 200, description: "The state.", schema: healthSchema },
        open: true,
      }),
      handle(context) {
        const { status, connections, totalConnections, consumers, dead, store, spooled, refused } =
          core.stats();
        return answerJson(context, {
          status: closing.aborted ? "shutting_down" : status,
          timestamp: new Date(now()).toISOString(),
          connections: {
            total: totalConnections,
            local: connections,
            alive: connections - dead,
            dead,
            unauthenticated: sockets.unauthenticated,
          },
          consumers,
          refused,
          redis: storeHealth(store),
          spooled,
          backends: backends.counts,
        });
      },
    },
    {
      method: "GET",
      path: "/healthz",
      spec: describe({
        summary: "Reports whether the process is alive.",
        success: { status: 200, description: "The process is alive.", schema: statusSchema },
        open: true,
      }),
      handle: (context) => answerJson(context, { status: "ok" }),
    },
    {
      method: "GET",
      path: "/readyz",
      spec: describe({
        summary: "Reports whether the node accepts traffic; 503 when it does not.",
        success: { status: 200, description: "The node accepts traffic.", schema: statusSchema },
        open: true,
      }),
      handle(context) {
        const status = closing.aborted ? "shutting_down" : core.stats().status;
        return answerJson(context, { status }, status === "ok" ? 200 : 503);
      },
    },
  ];
}

function storeHealth(store: StoreHealth | undefined) {
  if (store === undefined) return null;
  const { connected, busConnected, takesWrites, isFull = false } = store;
  return { connected, pubsub_connected: busConnected, takes_writes: takesWrites, full: isFull };
}
