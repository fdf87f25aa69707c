import type { Clock } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import { type Principal, personOf } from "../rules/principal.ts";
import type { SessionCheck } from "../sessions/sessions-api.ts";

/** Time in which a connection must learn that its session goes on after the end that it knew, in milliseconds. */
const graceMs = 4_000;

/** Connection whose session may end, or be extended, while it is open. */
export interface SessionHolder {
  readonly principal: Principal | undefined;
  readonly isOpen: boolean;
  /** Continues with another end of the session. */
  keepSession(principal: Principal): void;
  /** Called when the session has ended. */
  onSessionEnded(): void;
}

/**
 * Returns the time at which a connection whose credential is due must be decided: in the future if only its session
 * is due and may have been extended, undefined if the connection has to end now.
 */
export function decideBy(principal: Principal | undefined, now: number): number | undefined {
  const { expiresAt = Number.POSITIVE_INFINITY } = principal ?? {};
  const { sessionEndsAt } = personOf(principal);
  if (sessionEndsAt === undefined || expiresAt <= now) return undefined;
  const at = Math.min(sessionEndsAt + graceMs, expiresAt);
  return at > now ? at : undefined;
}

/**
 * Looks up whether the session of a connection goes on. If that cannot be looked up now, the end that the connection
 * knows stays.
 */
export async function recheckSession(
  holder: SessionHolder,
  { sessions, clock }: { readonly sessions: SessionCheck; readonly clock: Clock },
): Promise<void> {
  const { principal } = holder;
  if (principal?.kind !== "user") return;
  try {
    const { sessionEndsAt } = await sessions.check(principal);
    const current = holder.principal;
    if (!holder.isOpen || current?.kind !== "user" || sessionEndsAt === undefined) return;
    holder.keepSession({ ...current, sessionEndsAt });
  } catch (error) {
    const isKnown = error instanceof MilepostError && !error.retryable;
    const isOver = (personOf(holder.principal).sessionEndsAt ?? 0) <= clock.now();
    if (holder.isOpen && (isKnown || isOver)) holder.onSessionEnded();
  }
}
