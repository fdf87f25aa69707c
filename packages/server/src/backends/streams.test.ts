import { describe, expect, it } from "vitest";
import { type BackendRequest, startBackend } from "../testing/test-backend.ts";
import { startGateway } from "../testing/test-gateway.ts";
import type { TestSocket } from "../testing/test-socket.ts";

const secret = "milepost-test-secret-of-32-bytes!";
const ndjson = "application/x-ndjson";
const sse = "text/event-stream; charset=utf-8";

/** Starts a gateway whose method `ask` is answered by the function, and a socket that calls it. */
async function startAsking(
  answer: (request: BackendRequest) => void,
  options: { timeoutMs?: number; maxConcurrent?: number; maxAnswerBytes?: number } = {},
) {
  const backend = await startBackend(answer);
  const server = await startGateway({
    backends: { ask: { url: backend.url, secret, ...options } },
  });
  const socket = await server.socket("/ws");
  await socket.nextOf("welcome");
  return {
    backend,
    server,
    socket,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
    },
  };
}

function stream(type: string, ...parts: (string | Buffer)[]) {
  return ({ response }: BackendRequest) => {
    response.writeHead(200, { "Content-Type": type });
    for (const part of parts) response.write(part);
    response.end();
  };
}

async function answerTo(socket: TestSocket, id: number, more: object = {}) {
  socket.send({ type: "request", id, method: "ask", ...more });
  const pieces: unknown[] = [];
  for (;;) {
    const message = await socket.next();
    if (message.type === "chunk" && message.stream === id) {
      pieces.push(message.last === true ? "last" : message.data);
    } else if (message.type === "reply" && message.id === id) return { pieces, reply: message };
  }
}

describe("a backend that answers in pieces", () => {
  it("[P-RPC-9] each line of NDJSON and each event of an event stream is a chunk, and the result follows", async () => {
    const answers = [
      stream(ndjson, '{"a":1}\n\n"tw', 'o"\r\n[3]'),
      stream(ndjson, '1\n{"$result":{"total":1.0}}\n'),
      stream(ndjson, '{"$result":1,"more":2}\n'),
      stream(sse, 'data: {"a":1}\n\n: comment\n\nevent: token\ndata: "two"\n\n'),
      stream(sse, "data: 1\n\nevent: result\ndata: {\ndata: }\n\n"),
      stream(sse, "data: 1\n\ndata: [DONE]\n\n"),
      stream(ndjson),
    ];
    let n = 0;
    await using t = await startAsking((request) => answers[n++]?.(request));
    const got = [];
    for (const id of answers.keys()) {
      const { pieces, reply } = await answerTo(t.socket, id);
      got.push([...pieces, reply.result]);
    }
    expect(got).toEqual([
      [{ a: 1 }, "two", [3], "last", null],
      [1, "last", { total: 1 }],
      [{ $result: 1, more: 2 }, "last", null],
      [{ a: 1 }, "two", "last", null],
      [1, "last", {}],
      [1, "last", null],
      ["last", null],
    ]);
    expect(t.backend.requests[0]?.headers.accept).toContain(ndjson);
  });

  it("[P-RPC-9] a stream that cannot be read ends with backend_failed, one that breaks off with unavailable, and an error in it is passed on", async () => {
    const long = `"${"x".repeat(2_000)}"`;
    const answers: readonly (readonly [(request: BackendRequest) => void, string, string])[] = [
      [stream(ndjson, "1\n{no\n2\n"), "backend_failed", "JSON"],
      [stream(ndjson, "1\n", Buffer.from([0x22, 0xff, 0x22, 0x0a])), "backend_failed", "UTF-8"],
      [stream(ndjson, `1\n${long}\n`), "backend_failed", "maxAnswerBytes"],
      [stream(ndjson, `1\n${long}`), "backend_failed", "maxAnswerBytes"],
      [stream(ndjson, '1\n{"$result":2}\n3\n'), "backend_failed", "after the result"],
      [stream(ndjson, `1\n${"[".repeat(80)}${"]".repeat(80)}\n`), "backend_failed", "deep"],
      [
        stream(ndjson, '1\n{"$error":{"code":"not_found","detail":"no such trip"}}\n'),
        "not_found",
        "no such trip",
      ],
      [stream(ndjson, '1\n{"$error":"boom"}\n'), "backend_failed", "reported an error"],
      [stream(sse, "data: 1\n\ndata: hello\n\n"), "backend_failed", "JSON"],
      [stream(sse, `data: 1\n\n: ${long}`), "backend_failed", "maxAnswerBytes"],
      [
        stream(sse, 'data: 1\n\nevent: error\ndata: {"code":"rate_limited","message":"slow"}\n\n'),
        "rate_limited",
        "slow",
      ],
      [
        ({ response }) => {
          response.writeHead(200, { "Content-Type": ndjson });
          response.write("1\n", () => response.destroy());
        },
        "unavailable",
        "broke off",
      ],
    ];
    let n = 0;
    await using t = await startAsking((request) => answers[n++]?.[0](request), {
      maxAnswerBytes: 1_000,
    });
    for (const [id, [, code, words]] of answers.entries()) {
      const { pieces, reply } = await answerTo(t.socket, id);
      expect([id, pieces.includes("last"), reply.error.code]).toEqual([id, false, code]);
      expect(reply.error.message).toContain(words);
    }
    expect(t.server.gateway.stats().backends).toMatchObject([{ state: "closed", inFlight: 0 }]);
  });

  it("[P-RPC-10] the gateway reads a stream only as far as the client's credit goes, and a cancel closes it at the backend", async () => {
    const line = `"${"x".repeat(64 * 1_024)}"\n`;
    let written = 0;
    await using t = await startAsking(({ response }) => {
      response.writeHead(200, { "Content-Type": ndjson });
      const fill = () => {
        while (!response.destroyed && response.write(line)) written++;
      };
      response.on("drain", fill);
      fill();
    });
    t.socket.send({ type: "request", id: 1, method: "ask", credit: 100_000 });
    for (const index of [0, 1]) {
      expect(await t.socket.next()).toMatchObject({ type: "chunk", stream: 1, index });
    }
    // Without credit nothing more arrives: the pong is the next message.
    t.socket.send({ type: "ping", id: 9 });
    expect(await t.socket.next()).toMatchObject({ type: "pong", id: 9 });
    expect(written).toBeLessThan(200);
    t.socket.send({ type: "chunk", stream: 1, credit: 60_000 });
    expect(await t.socket.next()).toMatchObject({ type: "chunk", index: 2 });
    const request = await t.backend.arrived(1);
    t.socket.send({ type: "cancel", id: 1 });
    expect(await t.socket.next()).toMatchObject({ id: 1, error: { code: "cancelled" } });
    await request.closed;
    await expect.poll(() => t.server.gateway.stats().backends).toMatchObject([{ inFlight: 0 }]);
  });

  it("[P-RPC-10] a client that leaves closes its streams at the backend, and a stream counts as a request until its end", async () => {
    await using t = await startAsking(
      ({ response }) => {
        response.writeHead(200, { "Content-Type": ndjson });
        response.write("1\n");
      },
      { maxConcurrent: 1 },
    );
    t.socket.send({ type: "request", id: 1, method: "ask" });
    await t.socket.nextOf("chunk");
    t.socket.send({ type: "request", id: 2, method: "ask" });
    expect(await t.socket.nextOf("reply")).toMatchObject({ id: 2, error: { code: "unavailable" } });
    const request = await t.backend.arrived(1);
    t.socket.terminate();
    await request.closed;
  });

  it("[P-RPC-10] a pause between two pieces that is longer than the timeout ends the stream, and such streams open the breaker", async () => {
    await using t = await startAsking(
      ({ response }) => {
        response.writeHead(200, { "Content-Type": ndjson });
        response.write("1\n");
      },
      { timeoutMs: 100 },
    );
    for (let id = 0; id < 5; id++) {
      const { pieces, reply } = await answerTo(t.socket, id);
      expect([pieces, reply.error.code]).toEqual([[1], "timed_out"]);
    }
    await expect.poll(() => t.server.gateway.stats().backends).toMatchObject([{ state: "open" }]);
    const { reply } = await answerTo(t.socket, 6);
    expect(reply.error).toMatchObject({ code: "unavailable", retryable: true });
  });

  it("[P-RPC-9] a stream that a long-poll cannot carry is refused and closed at the backend", async () => {
    await using t = await startAsking(({ response }) => {
      response.writeHead(200, { "Content-Type": ndjson });
      response.write("1\n");
    });
    const credential = await t.server.token();
    const body = { type: "request", id: 1, method: "ask" };
    const answer = await t.server.call("POST", "/v1/connections/none/messages", {
      credential,
      body,
    });
    expect(answer.body).toMatchObject([{ id: 1, error: { code: "not_supported" } }]);
    await (await t.backend.arrived(1)).closed;
  });
});
