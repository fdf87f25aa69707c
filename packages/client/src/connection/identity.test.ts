import { expect, test } from "vitest";
import type { ConnectionState } from "./connection-state.ts";
import { followIdentity } from "./identity.ts";

/** Source of states that the test sets, with what was begun and ended for each identity. */
function following() {
  let listener: (state: ConnectionState) => void = () => {};
  const done: string[] = [];
  const stop = followIdentity(
    {
      state: { state: "idle" },
      connect() {},
      onState: (given) => {
        listener = given;
        return () => done.push("stopped");
      },
    },
    ({ user, session }) => {
      done.push(`begin ${user} ${session}`);
      return () => done.push(`end ${user} ${session}`);
    },
  );
  const connected = (userId: string | null, sessionId: string | null) =>
    listener({
      ...{ state: "connected", transport: "websocket", connectionId: "c", node: "n" },
      ...{ degraded: false, userId, sessionId },
      userChannel: userId === null ? undefined : `user:${userId}`,
      sessionChannel: sessionId === null ? undefined : `session:${sessionId}`,
    });
  return { done, stop, connected, tell: (state: ConnectionState) => listener(state) };
}

const reconnecting: ConnectionState = {
  ...{ state: "reconnecting", attempt: 2, retryAt: 0, reason: "lost" },
};

test("a reconnect of the same user and session begins nothing anew", () => {
  const { done, connected, tell } = following();
  connected("7", "s");
  tell(reconnecting);
  connected("7", "s");
  expect(done).toEqual(["begin user:7 session:s"]);
});

test("what was begun for a user ends when somebody else is connected", () => {
  const { done, connected } = following();
  connected("7", null);
  connected("8", null);
  connected("8", "s");
  expect(done).toEqual([
    "begin user:7 undefined",
    "end user:7 undefined",
    "begin user:8 undefined",
    "end user:8 undefined",
    "begin user:8 session:s",
  ]);
});

test("after a close everything begins anew, since the gateway has forgotten it", () => {
  const { done, connected, tell, stop } = following();
  connected("7", null);
  tell({ state: "closed", code: 1000, reason: "normal", verdict: "stop" });
  connected("7", null);
  stop();
  expect(done).toEqual([
    "begin user:7 undefined",
    "end user:7 undefined",
    "begin user:7 undefined",
    "stopped",
    "end user:7 undefined",
  ]);
});
