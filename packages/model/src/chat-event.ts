/** Data of a `chat_message` event: a whole message. */
export interface ChatMessageData {
  /**
   * Id of the message; if absent, the message gets an id from its offset in the log. A message replaces an
   * earlier one with the same id.
   */
  readonly id?: string;
  /** Text of the message. A sender may encrypt it: readers that do not decrypt find an `Envelope` in its place. */
  readonly content: string;
  /** Role of the speaker: `user`, `assistant`, or another role that the application defines. */
  readonly role: string;
  /** At most 20 attachments, each of at most 4 Ki characters of JSON. */
  readonly attachments?: readonly unknown[];
}

/** Data of a `chat_message_chunk` event: the next piece of a message that is being written. */
export interface ChatMessageChunk {
  readonly messageId: string;
  readonly content: string;
  /** True for the last piece of the message. */
  readonly isComplete: boolean;
  /** Role of the speaker; `assistant` if no piece names one. */
  readonly role?: string;
}

/** Data of an `agent_status_update` event: the activity of a chat's agent. */
export interface AgentStatusUpdate {
  readonly isActive: boolean;
  /** Progress from 0 to 100. */
  readonly progress?: number;
  readonly currentTask?: string;
}

/**
 * Events of a chat's channel, by name. Other events may be published too, but do not change the chat's state.
 */
export interface ChatEvents {
  chat_message: ChatMessageData;
  chat_message_chunk: ChatMessageChunk;
  agent_status_update: AgentStatusUpdate;
}

/** Bounds on one event of a chat, and on its state. Lengths are in characters. */
export const chatBounds = {
  id: 64,
  role: 32,
  content: 64 * 1_024,
  /** Characters of JSON of an encrypted text. */
  encrypted: 128 * 1_024,
  task: 500,
  attachments: 20,
  attachment: 4 * 1_024,
  /** Bounds of the state: the number of messages kept, and the characters of all of them together. */
  messages: 200,
  total: 256 * 1_024,
} as const;
