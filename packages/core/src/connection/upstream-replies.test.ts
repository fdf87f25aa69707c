import { expect, it } from "vitest";
import { UpstreamReplies } from "./upstream-replies.ts";

it("[P-UP-1] a reply goes only to the request with its id, and requests with the same id are answered in order", async () => {
  const upstreamReplies = new UpstreamReplies();
  const first = upstreamReplies.expect(1);
  const second = upstreamReplies.expect(1);
  const other = upstreamReplies.expect("1");
  expect(upstreamReplies.take({ type: "reply", id: 2, result: 0 })).toBe(false);
  expect(upstreamReplies.take({ type: "reply", id: null, error: gone })).toBe(false);
  expect(upstreamReplies.take({ type: "ping" })).toBe(false);
  for (const result of ["a", "b"])
    expect(upstreamReplies.take({ type: "reply", id: 1, result })).toBe(true);
  expect(upstreamReplies.take({ type: "reply", id: 1, result: "c" })).toBe(false);
  expect(upstreamReplies.take({ type: "pong", id: "1" })).toBe(true);
  expect([await first, await second, await other]).toEqual([
    { type: "reply", id: 1, result: "a" },
    { type: "reply", id: 1, result: "b" },
    { type: "pong", id: "1" },
  ]);
});

it("[P-MSG-4] requests that wait when the connection ends fail with a retryable timed_out", async () => {
  const upstreamReplies = new UpstreamReplies();
  const waiting = upstreamReplies.expect(1);
  upstreamReplies.close();
  expect(await waiting).toMatchObject({ id: 1, error: { code: "timed_out", retryable: true } });
  expect(upstreamReplies.take({ type: "reply", id: 1, result: 0 })).toBe(false);
});

const gone = { code: "not_found", message: "", retryable: false } as const;
