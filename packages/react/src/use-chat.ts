"use client";
import { type Chat, type ChatView, openChat } from "@milepost/client/chat";
import { MilepostError } from "@milepost/protocol";
import { useMemo } from "react";
import { useClient } from "./provider.tsx";
import { openOrError, stillSource } from "./still-source.ts";
import { useSelected } from "./use-selected.ts";

const starting: ChatView = {
  status: "starting",
  messages: [],
  agent: undefined,
  end: undefined,
  error: undefined,
};

/** Chat as a component sees it. */
export interface UsedChat<Part> {
  /** The whole view, or the selected part of it. */
  readonly view: Part;
  readonly send: Chat["send"];
}

/**
 * Watches the chat of channel `chat:{id}` while the component is mounted. `id` may also be the whole name of the
 * channel. Without an id (`undefined` or `null`) it does nothing. With an invalid id the view has the status
 * `failed` and the error, and `send` rejects with it.
 *
 * With `select` the component renders again only when the selected part changes. A component that shows one
 * message does not render for the others.
 */
export function useChat(id: string | null | undefined): UsedChat<ChatView>;
export function useChat<Part>(
  id: string | null | undefined,
  select: (view: ChatView) => Part,
): UsedChat<Part>;
export function useChat<Part>(
  id: string | null | undefined,
  select: (view: ChatView) => Part | ChatView = (view) => view,
): UsedChat<Part | ChatView> {
  const client = useClient();
  const chat = useMemo(() => {
    if (id === undefined || id === null) return undefined;
    return openOrError(() => openChat(client, id));
  }, [client, id]);
  const [source, initial] = useMemo(() => {
    if (chat !== undefined && !(chat instanceof MilepostError)) return [chat, starting];
    const view: ChatView =
      chat === undefined ? starting : { ...starting, status: "failed", error: chat };
    return [stillSource(view), view];
  }, [chat]);
  const view = useSelected(source, select, initial);
  const send = useMemo<Chat["send"]>(() => {
    if (chat !== undefined && !(chat instanceof MilepostError)) {
      return (...message) => chat.send(...message);
    }
    const error = chat ?? new MilepostError("bad_message", "there is no chat yet to send to");
    return () => Promise.reject(error);
  }, [chat]);
  return { view, send };
}
