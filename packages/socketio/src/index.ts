export {
  type BridgeStats,
  createSocketIoBridge,
  type SocketIoBridge,
} from "./bridge.ts";
export type { BridgeLimits, BridgeLog, BridgeOptions, EmbeddedGateway } from "./bridge-options.ts";
export type { ClientError } from "./client-error.ts";
export type { BridgeCounts, BridgeMeter, RefusalReason } from "./instruments.ts";
