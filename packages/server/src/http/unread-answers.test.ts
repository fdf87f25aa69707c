import { EventEmitter, once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect } from "node:net";
import { RecordingMeter } from "@milepost/core/testing";
import { ManualClock } from "@milepost/engine/testing";
import { expect, test } from "vitest";
import { apiKey, startGateway } from "../testing/test-gateway.ts";
import { UnreadAnswers } from "./unread-answers.ts";

class Answer extends EventEmitter {
  writableEnded = true;
  destroyed = false;
  writableLength: number;

  constructor(bytes: number) {
    super();
    this.writableLength = bytes;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }
}

function unreadAnswers(limits = { answerTimeoutMs: 30_000, maxUnreadAnswerBytes: 1_000 }) {
  const clock = new ManualClock();
  const counts: string[] = [];
  const counter = (reason: string) => ({ add: () => counts.push(reason) });
  const answersCut = { time: counter("time"), token: counter("token"), bytes: counter("bytes") };
  const unread = new UnreadAnswers({ clock, limits, metrics: { answersCut } });
  const watch = (bytes: number, expiresAt?: number) => {
    const answer = new Answer(bytes);
    const response = answer as unknown as ServerResponse;
    unread.endWithToken(response, expiresAt);
    unread.watch(response);
    return answer;
  };
  return { clock, counts, watch };
}

test("[P-ADM-9] an answer that nobody reads is cut after its time, and one that was read in time is not", async () => {
  const { clock, counts, watch } = unreadAnswers();
  const slow = watch(10);
  const read = watch(10);
  const small = watch(0);
  await clock.advance(29_000);
  read.emit("close");
  expect(slow.destroyed).toBe(false);
  await clock.advance(2_000);
  expect([slow.destroyed, read.destroyed, small.destroyed]).toEqual([true, false, false]);
  expect(counts).toEqual(["time"]);
});

test("[P-ADM-9] an unread answer ends with the token of its reader", async () => {
  const { clock, counts, watch } = unreadAnswers();
  const answer = watch(10, clock.now() + 5_000);
  await clock.advance(4_000);
  expect(answer.destroyed).toBe(false);
  await clock.advance(2_000);
  expect(answer.destroyed).toBe(true);
  expect(counts).toEqual(["token"]);
});

test("[P-ADM-9] when unread answers hold too many bytes together, the oldest is cut", () => {
  const { counts, watch } = unreadAnswers();
  const [first, second] = [watch(600), watch(300)];
  const third = watch(400);
  expect([first?.destroyed, second?.destroyed, third.destroyed]).toEqual([true, false, false]);
  expect(counts).toEqual(["bytes"]);
});

test("[P-ADM-9] a client that asks again and again without reading is answered one request at a time, and cut", async () => {
  const meter = new RecordingMeter();
  await using server = await startGateway({
    meter,
    limits: { answerTimeoutMs: 500 },
    rules: [
      {
        pattern: "log:*",
        subscribe: "authenticated",
        publish: "authenticated",
        retention: { maxEntries: 100, maxAgeMs: 60_000 },
      },
    ],
  });
  const body = { channel: "log:a", event: "e", data: "x".repeat(200_000) };
  await server.call("POST", "/v1/publish", { body });
  let answered = 0;
  const socket = connect(server.port, "127.0.0.1").on("error", () => {});
  await once(socket, "connect");
  socket.pause();
  const request = `GET /v1/channels/log:a/history HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${apiKey}\r\n\r\n`;
  socket.write(request.repeat(90));
  const cut = () => meter.count("milepost_answers_cut_total", { reason: "time" });
  await expect.poll(cut, { timeout: 10_000 }).toBe(1);
  socket.on("data", (chunk) => {
    answered += chunk.toString("latin1").split("HTTP/1.1 200").length - 1;
  });
  socket.resume();
  await once(socket, "close");
  expect(answered).toBeLessThan(90);
});

test("[P-ADM-9] requests in one write are answered in their order, and more than 100 that wait end the connection", async () => {
  await using server = await startGateway();
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const socket = connect(server.port, "127.0.0.1").on("error", () => {});
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  const paths = ["/healthz", "/readyz", "/nowhere", "/v1/nodes"];
  socket.write(paths.map(get).join(""));
  await expect
    .poll(() => text.match(/HTTP\/1\.1 \d+/g))
    .toEqual(["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 404", "HTTP/1.1 401"]);
  socket.write(get("/healthz").repeat(300));
  await once(socket, "close");
});
