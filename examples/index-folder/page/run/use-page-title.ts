import type { OperationState } from "@milepost/model";
import { useEffect } from "react";
import { wholePercent } from "../words/count.ts";
import { statusWords } from "./status-words.ts";

/**
 * Returns the tab's title: the status of the run, with the percentage while it is running, paused or stalled.
 * The user can then follow it from another tab.
 */
export function pageTitle(state: OperationState | undefined): string {
  if (!state) return "Milepost";
  const { label } = statusWords[state.status];
  const percent = `${wholePercent(state.percent)} %`;
  return state.status === "running" || state.status === "paused" || state.status === "stalled"
    ? `${percent} ${label} · Milepost`
    : `${label} · Milepost`;
}

/** Keeps the tab's title up to date. */
export function usePageTitle(state: OperationState | undefined): void {
  const title = pageTitle(state);
  useEffect(() => {
    document.title = title;
  }, [title]);
}
