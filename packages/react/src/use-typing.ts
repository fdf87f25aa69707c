"use client";
import { useCallback, useEffect, useMemo, useRef } from "react";
import { useClient } from "./provider.tsx";
import { presenceOf, usePresence } from "./use-presence.ts";

/** Ids of those who type in a channel, and a function to report one's own typing. */
export interface UsedTyping {
  /** Ids of the others who type, as in the members of the channel: `user:{user_id}`. */
  readonly typing: readonly string[];
  /**
   * Reports whether the user types. Call it with `true` on each key press. The typing ends 5 seconds after the
   * last call, with `false`, or when the component unmounts.
   */
  setTyping(typing: boolean): void;
}

/** Returns who else types in a channel. The component renders again only when that changes. */
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
  // Only the typing that this component reported is ended: the user may be typing in another one.
  useEffect(() => () => (said.current ? setTyping(false) : undefined), [setTyping]);
  return useMemo(() => ({ typing, setTyping }), [typing, setTyping]);
}
