import type { ConnectionState, OperationView } from "@milepost/client";
import type { ChatMessage, ChatState } from "@milepost/model";
import type { ChannelSlice, MilepostValues } from "./milepost-state.ts";

const unwatched: ChannelSlice = { status: "idle", events: [] };
const noMessages: readonly ChatMessage[] = [];
const loading: OperationView = { kind: "loading" };

type Selector<Part> = (state: MilepostValues) => Part;

/** Selects the state of the connection. */
export const selectConnection: Selector<ConnectionState> = ({ connection }) => connection.state;

/** Returns a selector of a channel; one that nobody has watched is idle and empty. */
export function selectChannel<State = unknown>(name: string): Selector<ChannelSlice<State>> {
  return ({ channels }) => (channels[name] ?? unwatched) as ChannelSlice<State>;
}

/** Returns a selector of the messages of a chat, by the name of its channel, oldest first. */
export function selectMessages(channel: string): Selector<readonly ChatMessage[]> {
  return ({ channels }) =>
    (channels[channel]?.state as ChatState | undefined)?.messages ?? noMessages;
}

/** Returns a selector of what the agent of a chat does, by the name of the chat's channel. */
export function selectAgent(channel: string): Selector<ChatState["agent"]> {
  return ({ channels }) => (channels[channel]?.state as ChatState | undefined)?.agent;
}

/** Returns a selector of the view of an operation. */
export function selectOperation(id: string): Selector<OperationView> {
  return ({ operations }) => operations[id] ?? loading;
}
