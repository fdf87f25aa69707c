import type { Method } from "./method-services.ts";

/** Method `gateway.store`: says which store the gateway has, and whether it survives a restart of its process. */
export const getStore: Method = async ({ engine }) => ({
  kind: engine.name,
  durable: engine.isDurable === true,
});
