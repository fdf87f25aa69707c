import type { BuiltInMethods } from "@milepost/model";
import { endChannel } from "./channels-end.ts";
import { reportLatency } from "./connection-latency.ts";
import { reportVisibility } from "./connection-visible.ts";
import { getDigest, reportSeen } from "./digest-methods.ts";
import { getEstimates } from "./estimates-get.ts";
import { getStore } from "./gateway-store.ts";
import { getHistory } from "./history-get.ts";
import { listInbox, readInbox, snoozeInbox } from "./inbox-methods.ts";
import type { Method } from "./method-services.ts";
import { commandOperation, commandOperations, sendInput } from "./operations-command.ts";
import { getOperation } from "./operations-get.ts";
import { listOperations } from "./operations-list.ts";
import { getPresence } from "./presence-get.ts";
import { sayTyping } from "./presence-typing.ts";
import { answerQuestion, getQuestion, listQuestions, snoozeQuestion } from "./questions.ts";
import { getTicket } from "./queues-get.ts";
import { joinQueue } from "./queues-join.ts";
import { leaveQueue } from "./queues-leave.ts";

/** Built-in methods that clients may request, by name. */
export const methods: Readonly<Record<string, Method>> = {
  "operations.get": getOperation,
  "operations.list": listOperations,
  "operations.command": commandOperation,
  "operations.commands": commandOperations,
  "operations.input": sendInput,
  "estimates.get": getEstimates,
  "history.get": getHistory,
  "channels.end": endChannel,
  "gateway.store": getStore,
  "presence.get": getPresence,
  "presence.typing": sayTyping,
  "digest.get": getDigest,
  "digest.seen": reportSeen,
  "inbox.list": listInbox,
  "inbox.read": readInbox,
  "inbox.snooze": snoozeInbox,
  "connection.visible": reportVisibility,
  "connection.latency": reportLatency,
  "queues.join": joinQueue,
  "queues.get": getTicket,
  "queues.leave": leaveQueue,
  "questions.answer": answerQuestion,
  "questions.snooze": snoozeQuestion,
  "questions.get": getQuestion,
  "questions.list": listQuestions,
} satisfies Record<keyof BuiltInMethods, Method>;
