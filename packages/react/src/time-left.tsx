"use client";
import type { OperationState } from "@milepost/model";
import type { ReactNode } from "react";
import type { PeopleTexts } from "./people-texts.ts";
import { useNow } from "./use-now.ts";

/** Silence of the producer from which the panel says how long ago its last sign was, in milliseconds. */
const quietMs = 10_000;

interface PartProps {
  readonly state: OperationState;
  readonly texts: PeopleTexts;
}

/**
 * Time left of an operation as a range that counts down, whether it is slower than usual, or that its kind is new.
 * The range stands still while the operation is paused or stalled. Renders nothing without an estimate.
 */
export function TimeLeft({ state, texts }: PartProps): ReactNode {
  const { estimate, status } = state;
  const counts = status === "running" || status === "waiting";
  const now = useNow(counts && estimate?.remaining !== undefined);
  if (estimate === undefined) return null;
  const { remaining, at, none, slower_than_usual: isSlow } = estimate;
  const passed = Math.max(0, (counts ? now : state.updated_at) - at);
  const text =
    remaining === undefined
      ? undefined
      : texts.timeLeft(
          Math.max(0, remaining.p50_ms - passed),
          Math.max(0, remaining.p90_ms - passed),
        );
  return (
    <p className="mp-time-left" data-slow={isSlow === true ? "" : undefined}>
      {isSlow === true && (
        <span className="mp-badge" data-level="warning">
          {text === undefined ? texts.slowerUnknown : texts.slower}
        </span>
      )}
      {text ?? (none === "new_kind" ? texts.newKind : "")}
    </p>
  );
}

/**
 * Reason why the operation does not move, as the producer gives it, and the time since the producer's last report. Renders
 * nothing while the operation moves, and for one that is over or stalled.
 */
export function LastSign({ state, texts }: PartProps): ReactNode {
  const { status, busy } = state;
  const isWatched = status === "running" || status === "paused";
  const now = useNow(isWatched);
  if (!isWatched) return null;
  const silentMs = Math.max(0, now - state.updated_at);
  const isQuiet = silentMs >= quietMs;
  if (busy === undefined && !isQuiet) return null;
  return (
    <p className="mp-last-sign">
      {busy !== undefined && <span>{texts.busy(busy.reason, busy.until)}</span>}
      {isQuiet && <span>{texts.lastSign(Math.floor(silentMs / 1_000))}</span>}
    </p>
  );
}
