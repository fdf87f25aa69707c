import { questionBounds } from "@milepost/model";
import { messageBounds } from "@milepost/protocol";
import { z } from "zod";
import { ownerId } from "./schemas.ts";

const anyJson = z.unknown().meta({ description: "Any JSON value." });
const roleName = z.string().min(1).max(questionBounds.role);
const kind = z.enum(["approve", "choose", "input"]);
const milliseconds = z.int().min(1).max(questionBounds.deadlineMs);

const audience = z
  .object({
    users: z.array(ownerId).max(questionBounds.users).exactOptional(),
    roles: z.array(roleName).max(questionBounds.roles).exactOptional(),
  })
  .meta({ id: "QuestionAudience", description: "Users, and holders of roles." });

const option = z
  .object({
    id: z.string().min(1).max(200),
    title: z.string().max(200).exactOptional(),
    description: z.string().max(1_000).exactOptional(),
  })
  .meta({ id: "QuestionOption" });

const escalation = z.array(z.object({ after_ms: milliseconds, for: audience }));

export const askQuestionSchema = z
  .object({
    kind,
    prompt: z.string().min(1).max(questionBounds.prompt),
    options: z
      .array(z.union([z.string().min(1).max(200), option]))
      .max(questionBounds.options)
      .exactOptional(),
    schema: anyJson.exactOptional(),
    for: audience.exactOptional(),
    deadline_ms: milliseconds.exactOptional(),
    default: anyJson.exactOptional(),
    escalate: escalation.max(questionBounds.escalations).exactOptional(),
    private: z.boolean().exactOptional(),
    key: z
      .string()
      .min(1)
      .max(messageBounds.keyLength)
      .meta({ description: "Asking again with this key is the same question." })
      .exactOptional(),
    lease: z.string().min(1).max(1_024).exactOptional(),
  })
  .meta({ id: "AskQuestion" });

export const questionSchema = z
  .object({
    id: z.string(),
    operation_id: z.string(),
    kind,
    prompt: z.string(),
    options: z.array(option).exactOptional(),
    schema: anyJson.exactOptional(),
    for: audience.exactOptional(),
    escalate: escalation.exactOptional(),
    level: z.int().exactOptional(),
    default: anyJson.exactOptional(),
    private: z.literal(true).exactOptional(),
    key: z.string().exactOptional(),
    title: z.string(),
    operation_kind: z.string(),
    status: z.enum(["open", "answered", "expired", "withdrawn"]),
    answer: anyJson.exactOptional(),
    comment: z.string().exactOptional(),
    by: z.string().exactOptional(),
    by_default: z.literal(true).exactOptional(),
    reason: z.string().exactOptional(),
    asked_at: z.number(),
    deadline_at: z.number().exactOptional(),
    settled_at: z.number().exactOptional(),
    snoozed_until: z.number().exactOptional(),
    may_answer: z
      .boolean()
      .meta({ description: "True if the reader may answer. Only of an open question, for a user." })
      .exactOptional(),
  })
  .meta({ id: "Question" });

/** Answer to a request that asks or answers. */
export const questionResultSchema = z
  .object({ question: questionSchema, duplicate: z.boolean() })
  .meta({ id: "QuestionResult" });

export const questionListSchema = z
  .object({ questions: z.array(questionSchema) })
  .meta({ id: "QuestionList" });

export const answerQuestionSchema = z
  .object({
    answer: anyJson,
    comment: z.string().max(questionBounds.comment).exactOptional(),
  })
  .meta({ id: "AnswerQuestion" });

export const snoozeQuestionSchema = z
  .object({ for_ms: milliseconds.exactOptional() })
  .meta({ id: "SnoozeQuestion" });

export const questionFilterSchema = z.object({
  user: ownerId.exactOptional(),
  role: roleName.exactOptional(),
  limit: z.coerce.number().pipe(z.int().min(1).max(200)).exactOptional(),
});
