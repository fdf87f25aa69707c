"use client";
import { useCallback, useEffect, useMemo, useRef } from "react";
import { useClient } from "./provider.tsx";
import { presenceOf, usePresence } from "./use-presence.ts";

/** Ids of the other members who are typing in a channel, and a function to report that this user types. */
export interface UsedTyping {
  /** Ids of the other members who are typing: `user:{user_id}`, or `session:{session_id}` without a user. */
  readonly typing: readonly string[];
  /**
   * Reports whether the user types. Call it with `true` on each key press. The typing ends 5 seconds after the
   * last call, at a call with `false`, or when the component unmounts.
   */
  setTyping(typing: boolean): void;
}

/**
 * Returns the other members who are typing in a channel, and a function to report one's own typing. The
 * component renders again only when those members change.
 */
export function useTyping(channel: string | undefined): UsedTyping {
  const client = useClient();
  const presence = useMemo(() => presenceOf(client, channel), [client, channel]);
  const typing = usePresence(channel, (view) => view.typing.filter((id) => id !== presence?.self));
  const said = useRef(false);
  const setTyping = useCallback(
    (isTyping: boolean) => {
      said.current = isTyping;
      presence?.setTyping(isTyping);
    },
    [presence],
  );
  // On unmount, only typing that this component reported is ended, because the user may be typing in another
  // component.
  useEffect(() => () => (said.current ? setTyping(false) : undefined), [setTyping]);
  return useMemo(() => ({ typing, setTyping }), [typing, setTyping]);
}
