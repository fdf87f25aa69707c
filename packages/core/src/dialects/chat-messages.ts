import {
  type MessageId,
  messageIdIn,
  type Parsed,
  parseClientMessage,
  parsed,
  refused,
} from "@milepost/protocol";
import { type Principal, personOf } from "../rules/principal.ts";
import type { BareClient, LiteralMessage, LiteralReader, Translated } from "./literal-message.ts";
import { bodyOf } from "./message-body.ts";
import { notJoined } from "./not-joined.ts";

type Body = Readonly<Record<string, unknown>>;

/** Fields that a chat message may have beside its own, to say who sends it. */
const authorFields = ["userId", "sessionId"];

/** Fields of a published message that are the same for every event. */
const publishFields = ["key", "priority", "sig"];

/** Messages of bare chat clients, by type. */
export const chatMessages: Readonly<Record<string, LiteralReader>> = {
  chat_message: published(["content", "role", "attachments", "messageId"], (body, principal) => {
    const { messageId, ...rest } = body;
    const id = rest.id ?? messageId;
    return {
      ...rest,
      ...(id === undefined ? {} : { id }),
      role: rest.role ?? (principal.kind === "service" ? "assistant" : "user"),
    };
  }),
  // Readers take a chunk without a role for the assistant's, so that of a user says whose it is.
  chat_message_chunk: published(
    ["messageId", "content", "isComplete", "role"],
    (body, principal) =>
      body.role !== undefined || principal.kind === "service" ? body : { ...body, role: "user" },
  ),
  agent_status_update: published(["isActive", "progress", "currentTask"], (body) => body),
  user_typing: literal((message, client) => {
    const body = bodyOf(message, [...authorFields, "isTyping"]);
    if (!body.ok) return body;
    const { isTyping = true } = body.value;
    if (typeof isTyping !== "boolean") {
      return refused("bad_message", "isTyping must be true or false");
    }
    const foreign = foreignAuthor(body.value, client.principal);
    if (foreign !== undefined) return foreign;
    const channel = chatOf(message, client);
    if (!channel.ok) return channel;
    const value = { type: "typing", channel: channel.value, typing: isTyping } as const;
    return parsed({ ...value, ...idOf(message) });
  }),
  connection_heartbeat: ({ id }) => parseClientMessage({ type: "ping", id }),
};

/** Returns the reader of a message that is published as the event of the same name. */
function published(
  names: readonly string[],
  complete: (body: Body, principal: Principal) => Body,
): LiteralReader {
  return literal((message, client) => {
    const body = bodyOf(message, [...names, ...authorFields]);
    if (!body.ok) return body;
    const foreign = foreignAuthor(body.value, client.principal);
    if (foreign !== undefined) return foreign;
    const channel = chatOf(message, client);
    if (!channel.ok) return channel;
    const publish: Record<string, unknown> = {
      type: "publish",
      ...idOf(message),
      channel: channel.value,
      event: message.type,
      data: complete(body.value, client.principal),
    };
    for (const name of publishFields) publish[name] = message[name];
    return parseClientMessage(publish) as Translated;
  });
}

/** Returns the reader of a message that is translated in its turn. */
function literal(
  translate: (message: Body, client: BareClient) => Translated | Parsed<never>,
): LiteralReader {
  return (message) => {
    const id = idOf(message);
    // An id that is not valid is refused as in any other message.
    if (message.id !== undefined && id.id === undefined) {
      return parseClientMessage({ type: "ping", id: message.id });
    }
    const value: LiteralMessage = {
      type: "literal",
      ...id,
      translate(client) {
        const translated = translate(message, client);
        if (translated.ok || "id" in translated) return translated;
        return { ok: false, id: id.id ?? null, failure: translated.failure };
      },
    };
    return { ok: true, value };
  };
}

/** Returns the id of a message, if it is valid, as a field. */
function idOf(message: Body): { readonly id?: MessageId } {
  const id = messageIdIn(message);
  return id === null ? {} : { id };
}

/** Returns the chat that a message is for: the channel that it names, or the only chat that the client has joined. */
function chatOf(message: Body, { joined }: BareClient): Parsed<string> {
  const { channel } = message;
  if (channel !== undefined) {
    const found = joined.find((one) => one.channel === channel);
    if (found !== undefined) return parsed(found.channel);
    return { ok: false, failure: notJoined };
  }
  const chats = joined.filter(({ isChat }) => isChat);
  const [only] = chats;
  if (only === undefined) {
    return refused(
      "not_subscribed",
      "this connection has joined no chat; subscribe to one first, or connect to /ws/chat/{id}",
    );
  }
  return chats.length === 1
    ? parsed(only.channel)
    : refused("bad_message", "channel is missing; this connection has joined several chats");
}

/** Returns the refusal of a message that names another author than its credential does. */
function foreignAuthor(body: Body, principal: Principal): Parsed<never> | undefined {
  // A service may speak for the users of its application, as it may publish any data.
  if (principal.kind === "service") return undefined;
  const { user, session, guest } = personOf(principal);
  const own = { userId: user ?? guest, sessionId: session };
  for (const name of ["userId", "sessionId"] as const) {
    const given = body[name];
    if (given === undefined || given === null || given === own[name]) continue;
    return refused(
      "forbidden",
      `${name} must be that of the credential; leave it out, or use a token for it`,
    );
  }
  return undefined;
}
