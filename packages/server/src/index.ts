export {
  type Access,
  type AccessName,
  type ChannelExplanation,
  type ClaimCondition,
  type ConnectionList,
  type ConnectionView,
  type Counter,
  type CounterFamily,
  type DeadLetterPage,
  type DeadLetterView,
  type Disconnected,
  defineMethod,
  explainChannel,
  type Gauge,
  type Histogram,
  type LabelValues,
  type ManyDeadLetters,
  type Meter,
  type MethodAccess,
  type MethodAnswer,
  type MethodCall,
  type MethodDefinition,
  type Methods,
  noMeter,
  operationRule,
  type Replayed,
  type Rule,
  type RulePlace,
  type Span,
  type SpanAttributes,
  type SpanName,
  type SpanStart,
  type TokenVerifier,
  type Tracer,
  type UnreachableRule,
  unreachableRules,
} from "@milepost/core";
export {
  type EngineFactory,
  memoryEngine,
  type Source,
  type SourceEntry,
  type TakeEntry,
  type Taken,
} from "@milepost/engine";
export { signatureHeader } from "@milepost/protocol";
export { type ApiKey, hashOfApiKey } from "./auth/api-keys.ts";
export type { GuestOptions, IssuedGuest } from "./auth/guests.ts";
export type { SigningOptions } from "./auth/request-signing.ts";
export type { ClaimNames, TokenPolicy } from "./auth/token-claims.ts";
export type { TokenKeyOptions } from "./auth/token-key.ts";
export type { TokenOptions } from "./auth/token-verifier.ts";
export { createTokens, type TokenContent, type Tokens } from "./auth/tokens.ts";
export type { BackendOptions, BackendStats } from "./backends/backend.ts";
export type { BackendsOptions } from "./backends/backends.ts";
export {
  type ReceivedRequest,
  type Signed,
  signatureOf,
  verifySignature,
} from "./backends/signature.ts";
export { ConfigError } from "./config/config-error.ts";
export { withKeptSecrets } from "./config/kept-secrets.ts";
export { type Config, type ConfigSources, loadConfig, redacted } from "./config/load-config.ts";
export { otherRole, type Role, roles } from "./config/role.ts";
export type { Settings } from "./config/settings.ts";
export type { ContractedMethod, GatewayContract, MethodsOf, OptionsOf } from "./contract.ts";
export { createGateway, type Gateway, type GatewayStats, type ListenOptions } from "./gateway.ts";
export type { GatewayOptions } from "./gateway-options.ts";
export type { ServerTimeouts } from "./http/gateway-server.ts";
export type { HttpServer } from "./http/http-server.ts";
export type { Detach } from "./http/mount.ts";
export type { GatewayOperations } from "./operations.ts";
export { createLog, type LogLevel, type LogOptions } from "./runtime/log.ts";
export { type MoveOptions, moveData } from "./runtime/move-data.ts";
export { inspectStore, type StoreLine } from "./runtime/open-engine.ts";
export { printable, printableJson, printableLines } from "./runtime/printable.ts";
export { type ProcessPort, type Serving, serve } from "./runtime/serve.ts";
export { type Supervising, superviseWorkers, type WorkersOptions } from "./runtime/workers.ts";
export type { GatewayStudio } from "./studio.ts";
