import type { CoreStats, HealthStatus } from "@milepost/core";
import type { StoreHealth } from "@milepost/engine";
import { z } from "zod";
import { answerJson } from "../answer.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpDoorOptions } from "../endpoint.ts";
import { healthSchema } from "../schemas.ts";

const statusSchema = z.object({ status: z.string() });

/**
 * Endpoints `/ws/health` (also as `/health`), `/livez` (also as `/healthz`) and `/readyz`; they need no credential.
 */
export function healthEndpoints({
  core,
  sockets,
  backends,
  now,
  closing,
}: HttpDoorOptions): readonly Endpoint[] {
  const statusOf = ({ status }: CoreStats): HealthStatus => (closing.aborted ? "draining" : status);
  const report: Omit<Endpoint, "path"> = {
    method: "GET",
    spec: describe({
      summary: "Reports the state of the node and its connections.",
      success: { status: 200, description: "The state.", schema: healthSchema },
      open: true,
    }),
    handle(context) {
      const stats = core.stats();
      const { connections, dead } = stats;
      const status = statusOf(stats);
      const body = {
        status,
        timestamp: new Date(now()).toISOString(),
        connections: {
          total: stats.totalConnections,
          local: connections,
          alive: connections - dead,
          dead,
          unauthenticated: sockets.unauthenticated,
        },
        consumers: stats.consumers,
        refused: stats.refused,
        redis: redisHealth(stats.engine === "sqlite" ? undefined : stats.store),
        store: {
          kind: stats.engine,
          durable: stats.isDurable,
          full: stats.isFull,
          ...(stats.durability !== undefined && { durability: stats.durability }),
          ...(stats.store?.reason !== undefined && { reason: stats.store.reason }),
        },
        spooled: stats.spooled,
        backends: backends.counts,
      };
      return answerJson(context, body, serves(status) ? 200 : 503);
    },
  };
  const alive: Omit<Endpoint, "path"> = {
    method: "GET",
    spec: describe({
      summary: "Reports whether the process is alive.",
      success: { status: 200, description: "The process is alive.", schema: statusSchema },
      open: true,
    }),
    handle: (context) => answerJson(context, { status: "ok" }),
  };
  return [
    { ...report, path: "/ws/health" },
    // On the server of a host program, this path stays with the host.
    { ...report, path: "/health" },
    { ...alive, path: "/healthz" },
    { ...alive, path: "/livez" },
    {
      method: "GET",
      path: "/readyz",
      spec: describe({
        summary: "Reports whether the node accepts traffic; 503 when it does not.",
        success: { status: 200, description: "The node accepts traffic.", schema: statusSchema },
        open: true,
      }),
      handle(context) {
        const status = statusOf(core.stats());
        return answerJson(context, { status }, status === "healthy" ? 200 : 503);
      },
    },
  ];
}

/** True if a load balancer may send clients to the node: a degraded node serves them too. */
function serves(status: HealthStatus): boolean {
  return status === "healthy" || status === "degraded";
}

/** Health of Redis; every field is false where the node uses none. */
function redisHealth({
  connected,
  busConnected,
  takesWrites,
  isFull = false,
}: Partial<StoreHealth> = {}) {
  return {
    connected: connected === true,
    pubsub_connected: busConnected === true,
    takes_writes: takesWrites === true,
    full: isFull,
  };
}
