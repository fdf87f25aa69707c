import { type Envelope, endOf, isEnvelope, isRecord } from "@milepost/protocol";
import { type AgentStatusUpdate, chatBounds } from "./chat-event.ts";
import type { Projection, ProjectionEntry } from "./projection.ts";

/** A message of a chat, with the pieces that have arrived so far. */
export interface ChatMessage {
  /** Id that the sender gave, or `@` and the message's offset in the log. */
  readonly id: string;
  readonly role: string;
  /** Text of the message; at most its last 64 Ki characters. */
  readonly content: string;
  /** Encrypted text, in place of the `content`, which is then empty. */
  readonly encrypted?: Envelope;
  readonly attachments?: readonly unknown[];
  /** True once the message is complete: later pieces are ignored. */
  readonly isComplete: boolean;
  /** True if the beginning was cut to stay within the bound. */
  readonly truncated?: boolean;
  /** Time of the last change, in milliseconds since 1970. */
  readonly at: number;
  /** Verified publisher of the last change; absent unless the channel shows publishers. */
  readonly publisher?: string;
}

/** The latest messages of a chat, in the order in which they began, and the activity of its agent. */
export interface ChatState {
  /** At most 200 messages, of 256 Ki characters together. The oldest are dropped first. */
  readonly messages: readonly ChatMessage[];
  readonly agent?: AgentStatusUpdate & { readonly at: number };
}

const empty: ChatState = { messages: [] };

/**
 * Folds a chat's log into its messages. A late subscriber therefore receives messages and not pieces.
 *
 * The state does not depend on how a text was cut into pieces. A piece of a complete message changes nothing. A
 * whole message replaces the one with the same id. Data that does not belong to a chat changes nothing.
 */
export const chatProjection: Projection<ChatState> = {
  name: "chat",
  initial: undefined,
  reduce(state = empty, { event, data, ts, offset, publisher }) {
    if (!isRecord(data)) return state === empty ? undefined : state;
    const next = changed(state, event, data, { ts, offset, publisher });
    return next === empty ? undefined : next;
  },
};

type Data = Record<string, unknown>;
type Origin = Pick<ProjectionEntry, "ts" | "offset"> & {
  readonly publisher: string | undefined;
};

function changed(state: ChatState, event: string, data: Data, origin: Origin) {
  switch (event) {
    case "chat_message":
      return withMessage(state, data, origin);
    case "chat_message_chunk":
      return withChunk(state, data, origin);
    case "agent_status_update":
      return withAgent(state, data, origin.ts);
    default:
      return state;
  }
}

function withMessage(state: ChatState, data: Data, { ts, offset, publisher }: Origin): ChatState {
  const { content, role, attachments } = data;
  const text = typeof content === "string" ? bounded(content) : sealed(content);
  if (text === undefined) return state;
  return put(state, {
    id: readId(data.id) ?? `@${offset}`,
    role: typeof role === "string" ? role : "user",
    ...text,
    ...(Array.isArray(attachments) ? { attachments } : {}),
    isComplete: true,
    at: ts,
    ...(publisher === undefined ? {} : { publisher }),
  });
}

/** Returns the content of a message whose text is encrypted; undefined for anything else than an envelope. */
function sealed(content: unknown): Pick<ChatMessage, "content" | "encrypted"> | undefined {
  return isEnvelope(content) && envelopeSize(content as Envelope) <= chatBounds.encrypted
    ? { content: "", encrypted: content as Envelope }
    : undefined;
}

function withChunk(state: ChatState, data: Data, { ts, publisher }: Origin): ChatState {
  const id = readId(data.messageId);
  const isComplete = data.isComplete === true;
  const piece = isComplete ? (data.content ?? "") : data.content;
  if (id === undefined || typeof piece !== "string") return state;
  const before = state.messages.find((message) => message.id === id);
  if (before?.isComplete) return state;
  const text = bounded((before?.content ?? "") + piece);
  return put(state, {
    id,
    role: typeof data.role === "string" ? data.role : (before?.role ?? "assistant"),
    content: text.content,
    ...(text.truncated || before?.truncated ? { truncated: true } : {}),
    isComplete,
    at: ts,
    ...(publisher === undefined ? {} : { publisher }),
  });
}

function withAgent(state: ChatState, data: Data, at: number): ChatState {
  const { isActive, progress, currentTask } = data;
  if (typeof isActive !== "boolean") return state;
  const agent = {
    isActive,
    ...(typeof progress === "number" ? { progress } : {}),
    ...(typeof currentTask === "string" ? { currentTask } : {}),
    at,
  };
  return { ...state, agent };
}

/**
 * Replaces the message with the same id, or appends the message. If the state then exceeds its bounds, drops
 * the oldest other messages.
 */
function put(state: ChatState, message: ChatMessage): ChatState {
  const index = state.messages.findIndex(({ id }) => id === message.id);
  const all = index < 0 ? [...state.messages, message] : state.messages.with(index, message);
  let total = 0;
  for (const one of all) total += sizeOf(one);
  let excess = all.length - chatBounds.messages;
  if (excess <= 0 && total <= chatBounds.total) return { ...state, messages: all };
  const messages = all.filter((one) => {
    if (one === message || (excess <= 0 && total <= chatBounds.total)) return true;
    excess--;
    total -= sizeOf(one);
    return false;
  });
  return { ...state, messages };
}

/**
 * Returns the end of a message's text, within the bound for one message. The cut depends only on the whole
 * text, not on its pieces.
 */
function bounded(text: string): { readonly content: string; readonly truncated?: true } {
  const content = endOf(text, chatBounds.content);
  return content.length < text.length ? { content, truncated: true } : { content };
}

const attachmentSizes = new WeakMap<readonly unknown[], number>();

function sizeOf({ content, encrypted, attachments }: ChatMessage): number {
  const length = encrypted === undefined ? content.length : envelopeSize(encrypted);
  if (attachments === undefined) return length;
  let size = attachmentSizes.get(attachments);
  if (size === undefined) {
    size = JSON.stringify(attachments).length;
    attachmentSizes.set(attachments, size);
  }
  return length + size;
}

function envelopeSize(envelope: Envelope): number {
  return JSON.stringify(envelope).length;
}

function readId(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" && value.length <= 255 ? value : undefined;
}
