import { describe, expect, it } from "vitest";
import type { Client } from "../client.ts";
import { createClient } from "../create-client.ts";
import { ManualClock, ScriptedGateway, settle } from "../testing/index.ts";
import {
  type ConnectionAction,
  type ConnectionEvent,
  type ConnectionStateName,
  connectionTransitions,
} from "./connection-state.ts";

interface World {
  readonly client: Client;
  readonly gateway: ScriptedGateway;
  readonly clock: ManualClock;
}

const welcome = { type: "welcome", connection_id: "c", ping_interval_ms: 30_000 };

const enter: Record<ConnectionStateName, (world: World) => Promise<void>> = {
  async idle() {},
  async connecting({ client, gateway }) {
    client.connect();
    await settle();
    gateway.last.open();
  },
  async connected({ client, gateway }) {
    client.connect();
    await settle();
    await gateway.last.accept();
    gateway.last.take("ping");
  },
  async reconnecting(world) {
    await enter.connected(world);
    await world.gateway.last.drop();
  },
  async closed(world) {
    await enter.connected(world);
    await world.client.close();
  },
};

const happen: Record<ConnectionEvent, (world: World) => Promise<void>> = {
  async connect({ client }) {
    client.connect();
    await settle();
  },
  async welcome({ gateway }) {
    await gateway.sockets.at(-1)?.say(welcome);
  },
  async lost({ gateway }) {
    await gateway.sockets.at(-1)?.drop(1006);
  },
  async expired({ gateway }) {
    await gateway.sockets.at(-1)?.drop(4101);
  },
  async refused({ gateway }) {
    await gateway.sockets.at(-1)?.drop(4403);
  },
  async due({ client }) {
    client.retryNow();
    await settle();
  },
  async close({ client }) {
    void client.close();
    await settle();
  },
};

/** Outcome of each action, as the application and the gateway see it. */
const outcome: Record<
  Exclude<ConnectionAction, "ignore">,
  { state: ConnectionStateName; opens: number; pings?: number }
> = {
  start: { state: "connecting", opens: 1 },
  retry: { state: "connecting", opens: 1 },
  establish: { state: "connected", opens: 0, pings: 1 },
  wait: { state: "reconnecting", opens: 0 },
  renew: { state: "reconnecting", opens: 0 },
  stop: { state: "closed", opens: 0 },
  end: { state: "closed", opens: 0 },
  probe: { state: "connected", opens: 0, pings: 1 },
};

const states = Object.keys(connectionTransitions) as ConnectionStateName[];
const events = Object.keys(happen) as ConnectionEvent[];
const cells = states.flatMap((state) =>
  events.map((event) => ({ state, event, action: connectionTransitions[state][event] })),
);

describe("the connection's transition table", () => {
  it.each(cells)(
    "in state $state the event $event leads to the action $action",
    async ({ state, event, action }) => {
      let tokens = 0;
      const gateway = new ScriptedGateway();
      const clock = new ManualClock();
      const client = createClient({
        url: "ws://gateway.test/ws",
        token: () => `token-${++tokens}`,
        webSocket: gateway.webSocket,
        clock,
        random: () => 0.5,
        onError: () => {},
      });
      const world = { client, gateway, clock };
      await enter[state](world);
      expect(client.state.state).toBe(state);
      const before = client.state;
      const sockets = gateway.sockets.length;

      await happen[event](world);

      if (action === "ignore") {
        expect(client.state).toBe(before);
        expect(gateway.sockets).toHaveLength(sockets);
        return;
      }
      const expected = outcome[action];
      expect(client.state.state).toBe(expected.state);
      expect(gateway.sockets).toHaveLength(sockets + expected.opens);
      expect(gateway.sockets.at(-1)?.count("ping") ?? 0).toBe(expected.pings ?? 0);
      if (client.state.state !== "connected" && client.state.state !== "connecting") {
        expect(gateway.openSockets).toBe(0);
      }
    },
  );
});
