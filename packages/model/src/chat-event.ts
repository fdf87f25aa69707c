/** A whole message. */
export interface ChatMessageData {
  /** Names the message; its place in the log does when absent. One that is there already is replaced. */
  readonly id?: string;
  readonly content: string;
  /** Who speaks: `user`, `assistant`, or what the product says. */
  readonly role: string;
  /** At most 20, of at most 4 Ki characters of JSON each. */
  readonly attachments?: readonly unknown[];
}

/** The next piece of a message that is being written. */
export interface ChatMessageChunk {
  readonly messageId: string;
  readonly content: string;
  /** It is the last piece. */
  readonly isComplete: boolean;
  /** `assistant` when no piece says. */
  readonly role?: string;
}

/** What the agent of a chat does. */
export interface AgentStatusUpdate {
  readonly isActive: boolean;
  /** 0–100. */
  readonly progress?: number;
  readonly currentTask?: string;
}

/** The events of a chat's channel, by name; others may be published too, and change nothing of its state. */
export interface ChatEvents {
  chat_message: ChatMessageData;
  chat_message_chunk: ChatMessageChunk;
  agent_status_update: AgentStatusUpdate;
}

/** Bounds on what one event of a chat may hold; lengths are in characters. */
export const chatBounds = {
  id: 64,
  role: 32,
  content: 64 * 1_024,
  task: 500,
  attachments: 20,
  attachment: 4 * 1_024,
  /** Of the state: its latest messages, and the characters of all of them together. */
  messages: 200,
  total: 256 * 1_024,
} as const;
