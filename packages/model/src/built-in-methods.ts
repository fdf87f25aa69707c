import type { PresenceList } from "@milepost/protocol";
import type { Digest, SeenReport, SeenUpTo } from "./digest.ts";
import type { EstimateFilter, EstimateReport } from "./estimate-api.ts";
import type { InboxFilter, InboxList, InboxMarked } from "./inbox.ts";
import type {
  OperationAtPosition,
  OperationFilter,
  OperationList,
  RequestCommand,
  RequestCommands,
  RequestedCommand,
  RequestedCommands,
} from "./operation-api.ts";
import type { SendInput, SentInput } from "./operation-input.ts";
import type { AnswerQuestion, Question, QuestionFilter, QuestionList } from "./question.ts";
import type { JoinedTicket, JoinQueue, QueueTicket } from "./queue-api.ts";

/** Question that a request is about. */
export interface QuestionTarget {
  readonly operation_id: string;
  readonly question_id: string;
}

/** Methods that every deployment has. */
export interface BuiltInMethods {
  "operations.get": { params: { readonly operation_id: string }; result: OperationAtPosition };
  "operations.list": { params: OperationFilter; result: OperationList };
  "operations.command": {
    params: RequestCommand & { readonly operation_id: string };
    result: RequestedCommand;
  };
  "operations.commands": { params: RequestCommands; result: RequestedCommands };
  "operations.input": {
    params: SendInput & { readonly operation_id: string };
    result: SentInput;
  };
  "channels.end": {
    params: { readonly channel: string; readonly reason?: string };
    result: {
      readonly channel: string;
      readonly position: string;
      readonly reason: string;
      readonly duplicate: boolean;
    };
  };
  "history.get": {
    params: {
      readonly channel: string;
      readonly since?: string | { readonly last: number };
      readonly limit?: number;
    };
    result: {
      readonly channel: string;
      readonly entries: readonly {
        readonly source?: string;
        readonly position: string;
        readonly event: string;
        readonly data: unknown;
        readonly ts: number;
      }[];
      readonly position: string;
      readonly reason?: string;
      readonly end?: { readonly position: string; readonly reason: string; readonly ts: number };
    };
  };
  "gateway.store": {
    params: Readonly<Record<never, never>>;
    result: {
      readonly kind: string;
      readonly durable: boolean;
    };
  };
  "digest.get": { params: Readonly<Record<never, never>>; result: Digest };
  "digest.seen": { params: SeenReport; result: SeenUpTo };
  "inbox.list": {
    params: {
      readonly filter?: InboxFilter;
      readonly before?: number;
      readonly limit?: number;
    };
    result: InboxList;
  };
  "inbox.read": { params: { readonly items: readonly string[] | "all" }; result: InboxMarked };
  "inbox.snooze": {
    params: {
      readonly items: readonly string[];
      readonly until?: number | string;
      readonly for_ms?: number;
    };
    result: InboxMarked;
  };
  "connection.visible": {
    params: { readonly visible: boolean };
    result: { readonly visible: boolean };
  };
  "connection.latency": {
    params: { readonly ages?: readonly number[] };
    result: { readonly now: number; readonly counted: number };
  };
  "presence.get": {
    params: { readonly channel: string };
    result: PresenceList & { readonly channel: string };
  };
  "questions.answer": {
    params: AnswerQuestion & QuestionTarget;
    result: { readonly question: Question; readonly duplicate: boolean };
  };
  "questions.snooze": {
    params: QuestionTarget & { readonly for_ms?: number };
    result: Question;
  };
  "questions.get": { params: QuestionTarget; result: Question };
  "questions.list": {
    params: QuestionFilter & { readonly operation_id?: string };
    result: QuestionList;
  };
  "presence.typing": {
    params: { readonly channel: string; readonly typing: boolean };
    result: { readonly channel: string; readonly typing: boolean };
  };
  /** For a service with the scope `operations`. */
  "estimates.get": { params: EstimateFilter; result: EstimateReport };
  "queues.join": { params: JoinQueue & { readonly queue: string }; result: JoinedTicket };
  /** Without a ticket, the user's own live one. */
  "queues.get": {
    params: { readonly queue: string; readonly ticket?: string };
    result: QueueTicket;
  };
  "queues.leave": {
    params: { readonly queue: string; readonly ticket: string };
    result: QueueTicket;
  };
}
