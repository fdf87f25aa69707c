import { MilepostError } from "@milepost/protocol";
import { type Action, actions } from "./access.ts";
import { ChannelPattern } from "./channel-pattern.ts";
import type { Principal, ScopeCheck, ServicePrincipal } from "./principal.ts";

/** Action that a scope of an API key allows. */
export type ServiceAction = Action | "operations" | "purge" | "methods" | QueueAction | AdminAction;

/** Action on queues: join for people, claim tickets as a worker, configure. */
export type QueueAction = "queue:join" | "queue:claim" | "queue:manage";

/** Action that concerns no channel. */
type AdminAction =
  | "connections"
  | "console"
  | "dead-letters"
  | "inbox"
  | "inspect"
  | "metrics"
  | "sessions"
  | "tickets"
  | "push"
  | "webhooks";

/** Actions that a scope may limit to channels. */
const channelActions: readonly ServiceAction[] = [...actions, "operations", "purge"];
const adminActions: readonly AdminAction[] = [
  "connections",
  "console",
  "dead-letters",
  "inbox",
  "inspect",
  "metrics",
  "sessions",
  "tickets",
  "push",
  "webhooks",
];

/** Actions that a scope may limit to queues, such as `queue:join:preview`. */
const queueActions: readonly QueueAction[] = ["queue:join", "queue:claim", "queue:manage"];

/** All actions of scopes. */
export const serviceActions: readonly ServiceAction[] = [
  ...channelActions,
  "methods",
  ...queueActions,
  ...adminActions,
];

/** Name of a method, or a pattern of names as a deployment registers them: `orders.*`. */
const methodPattern = /^(?:[A-Za-z0-9_-]+\.)*(?:[A-Za-z0-9_-]+|\*)$/;

/** Pattern of channels or methods that a scope names. */
interface ScopePattern {
  matches(name: string): boolean;
}

/**
 * What an API key allows, read from scopes such as `publish:chat:{room}` and `connections`: an action, and for actions
 * on channels a pattern of channels or none for all; `queue:join:preview` names a queue. `methods:orders.*` allows to call these methods, and `methods` all. `*`
 * allows every action.
 */
export class ServiceScopes implements ScopeCheck {
  /** Patterns by action; undefined stands for every channel. */
  readonly #allowed: ReadonlyMap<string, readonly ScopePattern[] | undefined>;

  private constructor(allowed: ReadonlyMap<string, readonly ScopePattern[] | undefined>) {
    this.#allowed = allowed;
  }

  /** Reads scopes; returns the reason if one of them is none. */
  static read(scopes: readonly string[]): ServiceScopes | string {
    const allowed = new Map<string, readonly ScopePattern[] | undefined>();
    for (const scope of scopes) {
      const colon = scope.indexOf(":", scope.startsWith("queue:") ? "queue:".length : 0);
      const action = colon < 0 ? scope : scope.slice(0, colon);
      if (scope === "*") {
        for (const each of serviceActions) allowed.set(each, undefined);
        continue;
      }
      if (!serviceActions.some((known) => known === action)) {
        return `the scope ${JSON.stringify(scope)} names no action; use *, or one of ${serviceActions.join(", ")}`;
      }
      if (colon < 0) {
        allowed.set(action, undefined);
        continue;
      }
      const named = scope.slice(colon + 1);
      const pattern = action === "methods" ? methodsOf(named) : channelsOf(action, named);
      if (pattern === undefined) {
        return action === "methods"
          ? `the scope ${JSON.stringify(scope)} must name a method or end in .*, such as methods:orders.*`
          : `the scope ${JSON.stringify(scope)} must be an action on channels and a pattern, such as publish:chat:{room}`;
      }
      if (!allowed.has(action)) allowed.set(action, [pattern]);
      else {
        const before = allowed.get(action);
        if (before !== undefined) allowed.set(action, [...before, pattern]);
      }
    }
    return new ServiceScopes(allowed);
  }

  /** True if the action is allowed on this channel or method; without a name, on every one. */
  allow(action: string, name?: string): boolean {
    if (!this.#allowed.has(action)) return false;
    const patterns = this.#allowed.get(action);
    if (patterns === undefined) return true;
    return name !== undefined && patterns.some((pattern) => pattern.matches(name));
  }
}

function channelsOf(action: string, text: string): ScopePattern | undefined {
  const pattern = ChannelPattern.read(text);
  const takesPattern = [...channelActions, ...queueActions].some((known) => known === action);
  if (pattern === undefined || !takesPattern) return undefined;
  return { matches: (channel) => pattern.match(channel.split(":")) !== undefined };
}

function methodsOf(text: string): ScopePattern | undefined {
  if (!methodPattern.test(text)) return undefined;
  const prefix = text.endsWith("*") ? text.slice(0, -1) : undefined;
  return {
    matches: (method) => (prefix === undefined ? method === text : method.startsWith(prefix)),
  };
}

/** True if the scopes of a service allow the action. A service without scopes may do everything. */
export function isInScope(
  { scopes }: ServicePrincipal,
  action: ServiceAction,
  name?: string,
): boolean {
  return scopes === undefined || scopes.allow(action, name);
}

/** Returns the service; throws `forbidden` for a user, and for a service whose scopes do not allow the action. */
export function requireService(
  principal: Principal,
  action: ServiceAction,
  name?: string,
): ServicePrincipal {
  if (principal.kind !== "service") {
    throw new MilepostError("forbidden", "only a service may do this; send an API key");
  }
  if (isInScope(principal, action, name)) return principal;
  const scope = name === undefined ? action : `${action}:${name}`;
  throw new MilepostError(
    "forbidden",
    `the API key "${principal.name}" lacks the scope ${scope}; add it to the key's scopes`,
  );
}
