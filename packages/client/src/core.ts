import { MilepostError } from "@milepost/protocol";
import type { ClientOptions, CoreClientOf } from "./client.ts";
import type { AnyContract, AnyFormOfContract, ContractOf, ContractOption } from "./contract.ts";
import { CoreClient } from "./core-client.ts";
import { webSocketOf } from "./transport/websocket-transport.ts";

export type * from "./channel/channel.ts";
export type { ClientOptions, CoreClientOf } from "./client.ts";
export type { ConnectionState, ConnectionStateName } from "./connection/connection-state.ts";

/**
 * Creates a client with channels, publishes and requests, for pages where every kilobyte counts. It is the
 * client of `@milepost/client` without `operation`, `operations`, `notifications` and `metrics`, and with
 * WebSocket only.
 *
 * Throws `bad_message` for an invalid address, and `not_supported` where there is no WebSocket.
 */
export function createClient<C extends AnyFormOfContract = AnyContract>(
  options: ClientOptions & ContractOption<C>,
): CoreClientOf<ContractOf<C>> {
  const transport = webSocketOf(options);
  if (transport === undefined) {
    throw new MilepostError("not_supported", "no WebSocket available; pass `webSocket`");
  }
  return new CoreClient(options, { transports: { current: transport } }) as unknown as CoreClientOf<
    ContractOf<C>
  >;
}
