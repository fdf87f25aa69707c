import { type Arena, flood, holdSockets, openSocket, pause, upgradeOf } from "./arena.ts";
import { deflatedFrame, messageFrame, pingFrame, textFrame } from "./client-frames.ts";

/** Attack of one hostile program at full speed. */
export interface Attack {
  /** Description of the attack, in a few words. */
  readonly title: string;
  /** Runs until the arena's signal is aborted. */
  run(arena: Arena): Promise<void>;
}

const chunkBytes = 64 * 1_024;
const megabyte = 1_024 * 1_024;
/** Channel with a long history that the benchmark prepares. */
export const historyChannel = "bench:history";

/** Attacks by name. A new attack is a row here. */
export const attacks = {
  pings: { title: "ping frames", run: (arena) => flood(arena, always(pingFrame())) },
  "bad-messages": {
    title: "messages that are not valid",
    run: (arena) => flood(arena, always(textFrame("{}"))),
  },
  "bad-arrays": {
    title: "frames of 1,000 invalid messages",
    run: (arena) => flood(arena, always(textFrame(`[${Array(1_000).fill("{}").join(",")}]`))),
  },
  history: {
    title: "requests for history",
    run: (arena) =>
      flood(
        arena,
        numbered((id) =>
          messageFrame({
            type: "request",
            id,
            method: "history.get",
            params: { channel: historyChannel, limit: 1_000 },
          }),
        ),
      ),
  },
  "new-channels": {
    title: "publishes to new channels",
    run: (arena) => {
      const life = Math.random().toString(36).slice(2);
      return flood(
        arena,
        numbered((id) =>
          messageFrame({
            type: "publish",
            id,
            channel: `bench:${life}:${id}`,
            event: "e",
            data: 1,
          }),
        ),
      );
    },
  },
  subscribe: {
    title: "subscribe and unsubscribe",
    run: (arena) =>
      flood(
        arena,
        numbered((id) =>
          messageFrame(
            id % 2 === 1
              ? { type: "subscribe", id, channel: historyChannel, since: "start" }
              : { type: "unsubscribe", id, channel: historyChannel },
          ),
        ),
      ),
  },
  publish: {
    title: "publishes to one channel",
    run: (arena) =>
      flood(
        arena,
        numbered((id) =>
          messageFrame({ type: "publish", id, channel: "bench:one", event: "e", data: { id } }),
        ),
      ),
  },
  "large-frames": {
    title: "publishes of 1 MB",
    run: (arena) => {
      const data = "x".repeat(megabyte - 200);
      const message = { type: "publish", id: 1, channel: "bench:large", event: "e", data };
      return flood(arena, () => messageFrame(message));
    },
  },
  "large-json": {
    title: "publishes of 1 MB with 100,000 numbers",
    run: (arena) => {
      const data = Array.from({ length: 100_000 }, (_, n) => n + 0.5);
      const whole = messageFrame({ type: "publish", id: 1, channel: "bench:l", event: "e", data });
      return flood(arena, () => whole);
    },
  },
  auth: {
    title: "auth refresh",
    run: (arena) => flood(arena, always(messageFrame({ type: "auth", token: arena.token }))),
  },
  "deflate-bombs": {
    title: "compressed messages that inflate to 1 MB",
    run: (arena) => {
      const bomb = deflatedFrame(`{}${" ".repeat(megabyte - 10)}`);
      return flood(arena, always(bomb), { deflates: true });
    },
  },
  "too-large-bombs": {
    title: "compressed messages that inflate beyond the limit",
    run: (arena) => {
      const bomb = deflatedFrame(" ".repeat(50 * megabyte));
      return flood(arena, () => bomb, { deflates: true });
    },
  },
  "unauthenticated-sockets": {
    title: "10,100 sockets without a credential",
    run: (arena) => holdSockets(arena, 10_100, upgradeOf(undefined)),
  },
  "one-token-sockets": {
    title: "10,100 sockets of one token",
    run: (arena) => holdSockets(arena, 10_100, upgradeOf(arena.token)),
  },
  "slow-readers": {
    title: "six readers of history that do not read",
    async run(arena) {
      const request = requestOf(
        arena.token,
        "GET",
        `/v1/channels/${historyChannel}/history?limit=1000`,
      );
      const sockets = Array.from({ length: 6 }, () => openSocket(arena, request.repeat(1_000)));
      for (const socket of sockets) socket.pause();
      while (!arena.over.aborted) await pause(50);
      for (const socket of sockets) socket.destroy();
    },
  },
  "wide-publish": {
    title: "publishes of 1 MB to 300 channels",
    async run(arena) {
      const channels = Array.from({ length: 300 }, (_, n) => `bench:wide:${n}`);
      const data = "x".repeat(megabyte - 20_000);
      const body = JSON.stringify({ channels, event: "e", data });
      while (!arena.over.aborted) {
        arena.tally.bytes += body.length;
        await fetch(`http://127.0.0.1:${arena.port}/v1/publish`, {
          method: "POST",
          body,
          headers: { authorization: `Bearer ${arena.apiKey}`, "content-type": "application/json" },
          signal: arena.over,
        }).then(
          (answer) => answer.arrayBuffer(),
          () => pause(50),
        );
      }
    },
  },
} as const satisfies Record<string, Attack>;

/** Name of an attack. */
export type AttackName = keyof typeof attacks;

/** Names of all attacks. */
export const attackNames = Object.keys(attacks) as readonly AttackName[];

/** Returns a function that always returns one chunk of as many frames as fit. */
function always(frame: Buffer): () => Buffer {
  const count = Math.max(1, Math.floor(chunkBytes / frame.length));
  const chunk = Buffer.concat(Array<Buffer>(count).fill(frame));
  return () => chunk;
}

/** Returns a function that returns chunks of frames with increasing numbers. */
function numbered(frameOf: (n: number) => Buffer): () => Buffer {
  let n = 0;
  return () => Buffer.concat(Array.from({ length: 100 }, () => frameOf(++n)));
}

function requestOf(token: string, method: string, path: string): string {
  return `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`;
}
