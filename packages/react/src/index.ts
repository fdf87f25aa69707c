export type { ChannelView, UseChannelOptions } from "./channel-view.ts";
export type { CommandControl } from "./command-control.ts";
export { createHooks, type Hooks } from "./create-hooks.ts";
export { DigestPanel, type DigestPanelProps } from "./digest-panel.tsx";
export { InboxPanel, type InboxPanelProps } from "./inbox-panel.tsx";
export { OperationTree, type OperationTreeProps } from "./operation-tree.tsx";
export { englishTexts, type PanelTexts } from "./panel-texts.ts";
export { englishPeopleTexts, type PeopleTexts } from "./people-texts.ts";
export { MilepostProvider, type MilepostProviderProps, useClient } from "./provider.tsx";
export { QuestionPanel, type QuestionPanelProps } from "./question-list.tsx";
export {
  englishQueueTexts,
  QueuePosition,
  type QueuePositionProps,
  type QueueTexts,
} from "./queue-position.tsx";
export { StatusPanel, type StatusPanelProps } from "./status-panel.tsx";
export { useChannel } from "./use-channel.ts";
export { type UsedChat, useChat } from "./use-chat.ts";
export { useCommand } from "./use-command.ts";
export { type CommandControls, useCommands } from "./use-commands.ts";
export { type ConnectionView, useConnection } from "./use-connection.ts";
export { type UsedDigest, useDigest } from "./use-digest.ts";
export { type InboxActions, type UsedInbox, useInbox } from "./use-inbox.ts";
export {
  type ShownNotifications,
  type UseNotificationsOptions,
  useNotifications,
} from "./use-notifications.ts";
export { type UsedOperation, useOperation } from "./use-operation.ts";
export { useOperations } from "./use-operations.ts";
export { usePresence } from "./use-presence.ts";
export { type QuestionChoice, type UsedQuestion, useQuestion } from "./use-question.ts";
export { type UsedQueue, useQueue } from "./use-queue.ts";
export { useTaggedOperations } from "./use-tagged-operations.ts";
export { type UsedTree, useTree } from "./use-tree.ts";
export { type UsedTyping, useTyping } from "./use-typing.ts";
