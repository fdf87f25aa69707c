"use client";
import { MilepostError } from "@milepost/protocol";
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
  /** Error of an invalid name, or the reason why presence was refused; undefined otherwise. */
  readonly error: MilepostError | undefined;
}

/**
 * Returns the other members who are typing in a channel, and a function to report one's own typing. The
 * component renders again only when those members or the error change. Without a name (`undefined` or `null`) it
 * does nothing.
 */
export function useTyping(channel: string | null | undefined): UsedTyping {
  const client = useClient();
  const presence = useMemo(() => {
    const opened = presenceOf(client, channel);
    return opened instanceof MilepostError ? undefined : opened;
  }, [client, channel]);
  const typing = usePresence(channel, (view) => view.typing.filter((id) => id !== presence?.self));
  const error = usePresence(channel, (view) => view.error);
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
  return useMemo(() => ({ typing, setTyping, error }), [typing, setTyping, error]);
}
