import type { WelcomeMessage } from "@milepost/protocol";
import type { ClientOptions } from "../client.ts";
import { createClient } from "../create-client.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { ScriptedGateway } from "./scripted-gateway.ts";

/**
 * Returns a client whose first connection to a scripted gateway is open, and the errors that it reports from
 * then on. `welcome` replaces fields of the gateway's welcome.
 */
export async function connectedClient(
  options: Partial<ClientOptions> = {},
  welcome: Partial<WelcomeMessage> = {},
) {
  const clock = new ManualClock();
  const gateway = new ScriptedGateway();
  const errors: unknown[] = [];
  const client = createClient({
    url: "ws://gateway.test/ws",
    token: "t",
    webSocket: gateway.webSocket,
    clock,
    random: () => 0.5,
    onError: (error) => errors.push(error),
    ...options,
  });
  client.connect();
  await settle();
  await gateway.last.accept(welcome);
  return { client, gateway, clock, errors };
}
