export {
  type BreakerOptions,
  type BreakerState,
  CircuitBreaker,
  type Permit,
} from "./breaker/circuit-breaker.ts";
export { type ConsumerCounts, type ConsumerKind, consumerKinds } from "./consumer-kind.ts";
export type * from "./core.ts";
export { createCore } from "./create-core.ts";
export { matchesLetter } from "./dead-letters/dead-letter-query.ts";
export { defaultRules } from "./default-rules.ts";
export {
  type ChannelExplanation,
  explainChannel,
  type RulePlace,
  type UnreachableRule,
  unreachableRules,
} from "./explain-channel.ts";
export { defaultLimits } from "./limits.ts";
export { memoryEngine } from "./memory/memory-engine.ts";
export { MemoryPresences } from "./memory/memory-presence.ts";
export type { ConnectionTarget } from "./nodes/node-signal.ts";
export { matchesQuery } from "./operation-query.ts";
export { mistakesIn, type RuleMistake, type RuleOrigin } from "./placed-rules.ts";
export type * from "./ports/bus.ts";
export type * from "./ports/channel-log.ts";
export type * from "./ports/clock.ts";
export type * from "./ports/dead-letters.ts";
export type * from "./ports/durable-subscribers.ts";
export type * from "./ports/engine.ts";
export type * from "./ports/leases.ts";
export type * from "./ports/operation-index.ts";
export type * from "./ports/presence.ts";
export type * from "./ports/random.ts";
export type * from "./ports/registry.ts";
export type * from "./ports/revocations.ts";
export type * from "./ports/signals.ts";
export type * from "./ports/store-health.ts";
export type { Grants, Principal, ServicePrincipal, UserPrincipal } from "./principal.ts";
export {
  defineMethod,
  type MethodAccess,
  type MethodAnswer,
  type MethodCall,
  type MethodDefinition,
  type Methods,
} from "./requests/method.ts";
export { methodNameFault } from "./requests/method-registry.ts";
export { rollUpName } from "./roll-up.ts";
export type * from "./rule.ts";
export { SerialQueues } from "./serial-queues.ts";
export type * from "./sources/source.ts";
export type * from "./transport.ts";
