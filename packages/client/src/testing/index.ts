import { operationCode } from "../create-client.ts";

export { connectedClient } from "./connected-client.ts";
export { ManualClock, settle } from "./manual-clock.ts";
export { ScriptedGateway, ScriptedSocket, type Sent } from "./scripted-gateway.ts";

// A test advances its own clock, and a load takes time outside it. So the code is loaded before the first test.
await operationCode.load();
