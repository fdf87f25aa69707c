"use client";
import { useEffect, useId, useLayoutEffect, useSyncExternalStore } from "react";
import type { SharedPart } from "./page-claims.ts";
import { useClaims } from "./provider.tsx";

// React 18 complains about layout effects on a server, where no effect runs.
const useEffectBeforePaint = typeof window === "undefined" ? useEffect : useLayoutEffect;

/**
 * Returns true if this component shows a part that a page needs once. `wish` is the choice of the application: true to
 * show the part here always, false never, and undefined if no other panel shows it.
 */
export function useClaim(part: SharedPart, wish: boolean | undefined): boolean {
  const claims = useClaims();
  const panel = useId();
  useEffectBeforePaint(() => {
    if (wish === false) return;
    return claims.claim(part, panel, wish === true ? "always" : "once");
  }, [claims, part, panel, wish]);
  const isHolder = useSyncExternalStore(
    claims.subscribe,
    () => claims.holder(part) === panel,
    () => wish !== false && claims.isFirstRendered(part, panel),
  );
  return wish ?? isHolder;
}
