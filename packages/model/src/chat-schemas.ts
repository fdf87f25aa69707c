import {
  compact,
  isEnvelope,
  listOf,
  numberIn,
  type Reader,
  readBoolean,
  readEnvelope,
  refused,
  type StandardSchema,
  textOf,
} from "@milepost/protocol";
import { type ChatEvents, chatBounds } from "./chat-event.ts";
import { isLargerThan } from "./json-size.ts";
import { schemaOfFields } from "./reader-schema.ts";

const readId = textOf(chatBounds.id);
const readRole = textOf(chatBounds.role);
const readContent = textOf(chatBounds.content, 0);

/** Accepts an encrypted text as well, which has the type of a text only for readers that decrypt it. */
const readContentOrEnvelope: Reader<string> = (value) => {
  if (!isEnvelope(value)) return readContent(value);
  if (isLargerThan(value, chatBounds.encrypted)) {
    return refused("bad_message", `must be at most ${chatBounds.encrypted} characters of JSON`);
  }
  const sealed = readEnvelope(value);
  return typeof sealed === "string"
    ? refused("bad_message", `is an envelope that is ${sealed}`)
    : { ok: true, value: value as string };
};

const readAttachment: Reader<unknown> = (value) =>
  isLargerThan(value, chatBounds.attachment)
    ? refused("bad_message", `must be at most ${chatBounds.attachment} characters of JSON`)
    : { ok: true, value };

/** Schemas for the data of a chat's events. */
export const chatSchemas: {
  readonly [Name in keyof ChatEvents]: StandardSchema<unknown, ChatEvents[Name]>;
} = {
  chat_message: schemaOfFields((fields) =>
    compact({
      id: fields.optional("id", readId),
      content: fields.required("content", readContentOrEnvelope),
      role: fields.required("role", readRole),
      attachments: fields.optional(
        "attachments",
        listOf(readAttachment, 0, chatBounds.attachments),
      ),
    }),
  ),
  chat_message_chunk: schemaOfFields((fields) =>
    compact({
      messageId: fields.required("messageId", readId),
      content: fields.required("content", readContent),
      isComplete: fields.required("isComplete", readBoolean),
      role: fields.optional("role", readRole),
    }),
  ),
  agent_status_update: schemaOfFields((fields) =>
    compact({
      isActive: fields.required("isActive", readBoolean),
      progress: fields.optional("progress", numberIn(0, 100)),
      currentTask: fields.optional("currentTask", textOf(chatBounds.task, 0)),
    }),
  ),
};
