import {
  type ChannelEvent,
  type Client,
  createClient,
  type WebSocketConstructor,
} from "@milepost/client";
import { stream } from "@milepost/client/streams";
import { streamAnswer } from "@milepost/producer";
import type { Gateway } from "@milepost/server";
import { WebSocket } from "ws";

/** Piece of the model's answer. */
interface Word {
  readonly word: string;
  readonly progress: number;
}

const maxQuestions = 100;

/**
 * Agent that takes part in rooms. It reads their messages as any client does, asks the model through the gateway, and writes
 * the answer into the room as the words come. `stop` in a room ends the answer that is being written there.
 */
export class Agent {
  readonly #gateway: Gateway;
  readonly #client: Client;
  readonly #rooms = new Set<string>();

  constructor(gateway: Gateway, url: string) {
    this.#gateway = gateway;
    this.#client = createClient({
      url,
      token: () =>
        gateway.mintToken({ user: "agent", channels: { subscribe: ["chat:*"], publish: [] } }),
      webSocket: WebSocket as unknown as WebSocketConstructor,
      onError: (error) => console.error("agent:", error),
    });
  }

  /** Joins a room, unless the agent is there already. */
  join(room: string): void {
    if (this.#rooms.has(room)) return;
    this.#rooms.add(room);
    void this.#listen(room).catch((error: unknown) => console.error("agent:", error));
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #listen(room: string): Promise<void> {
    const questions: string[] = [];
    let writing: AbortController | undefined;
    const answerAll = async () => {
      for (let next = questions.shift(); next !== undefined; next = questions.shift()) {
        writing = new AbortController();
        await this.#answer(room, next, writing.signal);
      }
      writing = undefined;
    };
    const take = ({ event, data }: ChannelEvent) => {
      if (event === "stop") writing?.abort();
      if (event !== "chat_message") return;
      const { role, content } = data as { role: string; content: unknown };
      if (role !== "user" || typeof content !== "string" || questions.length >= maxQuestions)
        return;
      questions.push(content);
      if (writing === undefined) void answerAll();
    };
    const subscription = this.#client.channel(room).subscribe({ onEvent: take }, { since: "now" });
    await subscription.ready;
  }

  async #answer(room: string, question: string, signal: AbortSignal): Promise<void> {
    const tell = (status: object) => this.#gateway.publish(room, "agent_status_update", status);
    const currentTask = `Answering “${question.slice(0, 60)}”`;
    const publish = (channel: string, event: string, data: unknown, options: { key: string }) =>
      this.#gateway.publish(channel, event, data, options);
    await tell({ isActive: true, progress: 0, currentTask });
    const answer = streamAnswer({ publish, chat: room.slice("chat:".length) });
    try {
      let told = 0;
      // Leaving the loop cancels the request, and with it the model's work.
      for await (const { word, progress } of stream<Word>(this.#client, "model.answer", {
        question,
      })) {
        if (signal.aborted) {
          answer.write("… (stopped)");
          break;
        }
        answer.write(word);
        if (progress < told + 10) continue;
        told = progress;
        await tell({ isActive: true, progress, currentTask });
      }
    } catch (error) {
      console.error("agent:", error);
      answer.write(" … I lost the thread. Please ask again.");
    }
    await answer.end();
    await tell({ isActive: false, progress: 100 });
  }
}
