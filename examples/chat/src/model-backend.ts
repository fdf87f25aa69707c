import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { signatureHeader, verifySignature } from "@milepost/server";

/** Simulated language model behind HTTP, which answers the method `model.answer` in pieces. */
export interface ModelBackend {
  readonly url: string;
  /** Number of answers that nobody waited for to their end. */
  readonly abandoned: number;
  close(): Promise<void>;
}

const openings = ["Good question.", "Let me think about that.", "Gladly.", "Here is what I know."];
const closings = [
  "Ask me for more whenever you like.",
  "That is all that I can simulate today.",
  "I hope that helps, although no model was consulted.",
];
const maxBodyBytes = 256 * 1_024;

/** Returns the words of a simulated answer to a question. */
export function wordsOf(question: string): string[] {
  const topic = question.trim().replace(/\s+/g, " ").slice(0, 120);
  const pick = (texts: readonly string[]) => texts[topic.length % texts.length] ?? "";
  const middle = `You asked: “${topic}”. I take it word by word, weigh what matters, and write while you read, so that nobody has to wait for the end.`;
  return `${pick(openings)} ${middle} ${pick(closings)}`.split(/(?<= )/);
}

/** Starts the model on a free local port. It writes a word every `wordMs` milliseconds. */
export async function startModel(secret: string, wordMs: number): Promise<ModelBackend> {
  let abandoned = 0;
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of request as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > maxBodyBytes) return void response.writeHead(413).end();
      parts.push(part);
    }
    const body = Buffer.concat(parts).toString("utf8");
    const header = String(request.headers[signatureHeader.toLowerCase()] ?? "");
    const now = Date.now() / 1_000;
    if (!verifySignature({ header, method: "model.answer", body, secrets: [secret], now })) {
      return void response.writeHead(401).end();
    }
    const { params } = JSON.parse(body) as { params?: { question?: unknown } };
    const words = wordsOf(String(params?.question ?? ""));
    response.writeHead(200, { "Content-Type": "application/x-ndjson" });
    for (const [i, word] of words.entries()) {
      // A closed response means that nobody waits for the answer any more.
      if (response.destroyed) {
        abandoned++;
        return;
      }
      const line = { word, progress: Math.round(((i + 1) / words.length) * 100) };
      if (!response.write(`${JSON.stringify(line)}\n`)) {
        await Promise.race([once(response, "drain"), once(response, "close")]);
      }
      await new Promise((resolve) => setTimeout(resolve, wordMs));
    }
    response.end(`${JSON.stringify({ $result: { words: words.length } })}\n`);
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    get abandoned() {
      return abandoned;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
