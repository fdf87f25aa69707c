export type * from "./channels/channels-api.ts";
export type * from "./cluster/connection-admin-api.ts";
export type { ConnectionTarget } from "./cluster/node-signal.ts";
export type * from "./compaction/compactor.ts";
export type * from "./connection/connect-options.ts";
export { personalDefault, personalFault } from "./connection/personal-channels.ts";
export type * from "./dead-letters/dead-letters-api.ts";
export type * from "./digest/digest-api.ts";
export type { Estimates } from "./estimates/estimate-report.ts";
export type * from "./inbox/inbox-api.ts";
export type { CompileJsonSchema } from "./input/json-schemas.ts";
export type * from "./insight/insight-api.ts";
export type { Limited } from "./insight/recent-limits.ts";
export type * from "./node/core.ts";
export { createCore } from "./node/create-core.ts";
export type * from "./operations/operations-api.ts";
export type * from "./questions/questions-api.ts";
export { queueMistakes } from "./queues/queue-mistakes.ts";
export type * from "./queues/queue-rule.ts";
export type * from "./queues/queues-api.ts";
export type * from "./reach/reach-api.ts";
export type * from "./reach/reach-sender.ts";
export {
  defineMethod,
  type MethodAccess,
  type MethodAnswer,
  type MethodCall,
  type MethodDefinition,
  type Methods,
} from "./requests/method.ts";
export { methodNameFault } from "./requests/method-registry.ts";
export {
  type Access,
  type AccessName,
  type Action,
  accessNames,
  actions,
  type ClaimCondition,
  isAccess,
} from "./rules/access.ts";
export type { ClaimValue } from "./rules/claims.ts";
export { defaultRules, operationPattern, operationRule } from "./rules/default-rules.ts";
export {
  type ChannelExplanation,
  explainChannel,
  type RulePlace,
  type UnreachableRule,
  unreachableRules,
} from "./rules/explain-channel.ts";
export { mistakesIn, type RuleMistake, type RuleOrigin } from "./rules/placed-rules.ts";
export type { Grants, Principal, ServicePrincipal, UserPrincipal } from "./rules/principal.ts";
export { isGuestName, publisherOf } from "./rules/principal.ts";
export type * from "./rules/rule.ts";
export { outageModes } from "./rules/rule.ts";
export { requireService, ServiceScopes, serviceActions } from "./rules/service-scopes.ts";
export { type AuditedAction, writeAudit } from "./runtime/audit.ts";
export {
  createInstruments,
  type InstrumentRow,
  type InstrumentsOf,
} from "./runtime/create-instruments.ts";
export { type AdmissionMetrics, coreInstruments } from "./runtime/instruments.ts";
export {
  type CoreLimits,
  defaultLimits,
  type LimitName,
  type LimitOptions,
} from "./runtime/limits.ts";
export * from "./runtime/meter.ts";
export type * from "./runtime/options.ts";
export * from "./runtime/tracer.ts";
export type * from "./send-queue/transport.ts";
export type * from "./sessions/sessions-api.ts";
export type * from "./signatures/service-signing.ts";
export type * from "./tickets/tickets-api.ts";
