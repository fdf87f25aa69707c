import type { StoredQuestion } from "@milepost/engine";
import { operationChannel } from "../operations/operation-log.ts";
import { owns, permissionFor } from "../rules/permissions.ts";
import type { Principal, UserPrincipal } from "../rules/principal.ts";
import type { RuleBook } from "../rules/rule-book.ts";
import { isInScope } from "../rules/service-scopes.ts";
import { type FoundQuestion, isForOwner } from "./question-content.ts";

/** Claim of a token with the roles of its user. */
export const rolesClaim = "roles";

/** Returns the roles of a user: those that the claim `roles` of its token names, as a text or a list of texts. */
export function rolesOf({ claims }: UserPrincipal): readonly string[] {
  const roles = claims?.[rolesClaim];
  if (typeof roles === "string") return [roles];
  return Array.isArray(roles) ? roles.filter((role) => typeof role === "string") : [];
}

/**
 * True if the principal may answer a question. For users: the question is for the user or for one of its roles, or it is
 * for nobody by name and the user may command the operation. A service needs the scope `command` for the operation.
 */
export function mayAnswer(
  principal: Principal,
  { stored, content }: FoundQuestion,
  rules: RuleBook,
): boolean {
  const channel = operationChannel(stored.operationId);
  if (principal.kind === "service") return isInScope(principal, "command", channel);
  const { users = [], roles = [] } = content.for ?? {};
  if (principal.user !== undefined && users.includes(principal.user)) return true;
  if (roles.length > 0 && rolesOf(principal).some((role) => roles.includes(role))) return true;
  return isForOwner(content) && isPermitted(principal, { stored, content }, rules, "command");
}

/**
 * True if the principal may see a question: if it may answer it, or may read the operation, in whose log the question
 * is. A private question is not in the log.
 */
export function maySee(principal: Principal, question: FoundQuestion, rules: RuleBook): boolean {
  if (principal.kind === "service") {
    const channel = operationChannel(question.stored.operationId);
    return (["operations", "command", "subscribe"] as const).some((scope) =>
      isInScope(principal, scope, channel),
    );
  }
  if (mayAnswer(principal, question, rules)) return true;
  return question.content.private !== true && isPermitted(principal, question, rules, "subscribe");
}

function isPermitted(
  principal: Principal,
  { stored, content }: FoundQuestion,
  rules: RuleBook,
  action: "subscribe" | "command",
): boolean {
  const permission = permissionFor(principal, rules.of(channelOf(stored)), action);
  return permission === "allowed" || (permission !== "refused" && owns(principal, content.owner));
}

function channelOf({ operationId }: StoredQuestion): string {
  return operationChannel(operationId);
}
