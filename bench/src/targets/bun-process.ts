import { monotonicUs } from "../measure/monotonic.ts";
import { makePayload } from "../payload.ts";
import { answerCalls } from "../process/answer-calls.ts";
import { runPace } from "./pacer.ts";
import type { ServerMethods } from "./server-process.ts";

/** Part of Bun's interface that this process uses. */
interface Bun {
  serve(options: {
    readonly port: number;
    readonly hostname: string;
    fetch(request: Request, server: BunServer): Response | undefined;
    readonly websocket: {
      open(socket: { subscribe(topic: string): void }): void;
      message(): void;
    };
  }): BunServer;
  gc(now: true): void;
}
interface BunServer {
  readonly port: number;
  upgrade(request: Request): boolean;
  publish(topic: string, text: string): number;
}

const bun = (globalThis as unknown as { readonly Bun: Bun }).Bun;
const topic = "bench";
let server: BunServer | undefined;
let published = 0;
/** Added to the clock of this process, which counts from its start, to get that of the machine. */
let offsetUs = 0;

const methods: Pick<ServerMethods, "start" | "publish" | "cursors" | "collectGarbage"> = {
  async start({ nowUs = 0 }) {
    offsetUs = nowUs - monotonicUs();
    server = bun.serve({
      ...{ port: 0, hostname: "127.0.0.1" },
      fetch: (request, own) =>
        own.upgrade(request) ? undefined : new Response("", { status: 400 }),
      websocket: { open: (socket) => socket.subscribe(topic), message() {} },
    });
    return { port: server.port, path: "/" };
  },

  async publish({ pace, perTick }) {
    const clock = {
      nowUs: () => monotonicUs() + offsetUs,
      after: (delayMs: number, callback: () => void) => void setTimeout(callback, delayMs),
      nextTurn: (callback: () => void) => void setImmediate(callback),
    };
    const send = (dueUs: number) => {
      for (let index = 0; index < perTick; index++) {
        server?.publish(topic, JSON.stringify(makePayload(published++, dueUs)));
      }
    };
    await runPace(pace, send, clock);
  },

  async cursors() {
    return [];
  },

  async collectGarbage() {
    for (let pass = 0; pass < 3; pass++) {
      bun.gc(true);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return { heapBytes: 0 };
  },
};

answerCalls(methods);
