"use client";
import { type Chat, type ChatView, openChat } from "@milepost/client/chat";
import { useMemo } from "react";
import { useClient } from "./provider.tsx";
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
 * Watches the chat of channel `chat:{id}` while the component is mounted.
 *
 * With `select` the component renders again only when the selected part changes. A component that shows one
 * message does not render for the others.
 */
export function useChat(id: string): UsedChat<ChatView>;
export function useChat<Part>(id: string, select: (view: ChatView) => Part): UsedChat<Part>;
export function useChat<Part>(
  id: string,
  select: (view: ChatView) => Part | ChatView = (view) => view,
): UsedChat<Part | ChatView> {
  const client = useClient();
  const chat = useMemo(() => openChat(client, id), [client, id]);
  const view = useSelected(chat, select, starting);
  const send = useMemo<Chat["send"]>(
    () =>
      (...message) =>
        chat.send(...message),
    [chat],
  );
  return { view, send };
}
