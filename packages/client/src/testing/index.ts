export { connectedClient } from "./connected-client.ts";
export { ManualClock, settle } from "./manual-clock.ts";
export { ScriptedGateway, ScriptedSocket, type Sent } from "./scripted-gateway.ts";
