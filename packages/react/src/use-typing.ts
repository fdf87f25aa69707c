"use client";
import { useCallback, useEffect, useMemo, useRef } from "react";
import { useClient } from "./provider.tsx";
import { presenceOf, usePresence } from "./use-presence.ts";

/** Who types in a channel, and how to say that one does. */
export interface UsedTyping {
  /** The ids of the others who type, as in the members of the channel: `user:{user_id}`. */
  readonly typing: readonly string[];
  /** Call it with `true` at each key; it ends by itself 5 seconds after the last, with `false`, and when the component goes. */
  setTyping(typing: boolean): void;
}

/** Who types in a channel besides oneself; the component renders anew only when that changed. */
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
  // Another component of the page may be where one types.
  useEffect(() => () => (said.current ? setTyping(false) : undefined), [setTyping]);
  return useMemo(() => ({ typing, setTyping }), [typing, setTyping]);
}
