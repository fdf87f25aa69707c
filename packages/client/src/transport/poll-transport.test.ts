import { expect, it } from "vitest";
import { Schedule } from "../runtime/schedule.ts";
import { ManualClock, settle } from "../testing/index.ts";
import type { Fetch } from "./http-endpoint.ts";
import { pollTransport } from "./poll-transport.ts";

type Call = Parameters<Fetch>[1] & { readonly url: string };

const problem = (status: number, code: string, detail: string) =>
  new Response(JSON.stringify({ type: `urn:milepost:error:${code}`, status, code, detail }), {
    status,
    headers: { "Content-Type": "application/problem+json" },
  });

const welcome = (user: string) =>
  new Response(JSON.stringify([{ type: "welcome", user_id: user, session_id: "s1" }]));

/** Opens a poll connection with the token `old` to a gateway that answers as `answer` says. */
async function opened(answer: (token: string, call: Call) => Response | Promise<Response>) {
  const clock = new ManualClock();
  const heard: unknown[] = [];
  const calls: Call[] = [];
  const fetch: Fetch = async (url, init) => {
    const call = { url, ...init };
    calls.push(call);
    return answer(init.headers.Authorization?.replace("Bearer ", "") ?? "", call);
  };
  const connection = pollTransport(fetch).open(
    {
      url: new URL("ws://gateway.test/ws"),
      token: "old",
      connectionId: undefined,
      schedule: new Schedule(clock),
    },
    {
      onFrame: (frame) => heard.push(JSON.parse(String(frame))),
      onClose: (code, reason, details) => heard.push({ code, reason, token: details?.token }),
    },
  );
  await settle();
  heard.length = 0;
  return { connection, heard, calls, clock };
}

it("[P-CON-8] an auth over long-poll is answered once a call with the new token has succeeded, and later calls carry it", async () => {
  const { connection, heard, calls } = await opened(() => welcome("7"));
  connection.send(['{"type":"auth","id":1,"token":"new"}'], 1_000);
  expect(heard).toEqual([]);
  await settle();
  expect(heard).toEqual([{ type: "reply", id: 1, result: {} }]);
  connection.send(['{"type":"ping","id":2}'], 1_000);
  await settle();
  expect(calls.at(-1)?.headers.Authorization).toBe("Bearer new");
  connection.release();
});

it.each([
  ["that is not valid", () => problem(401, "unauthenticated", "no"), "unauthenticated"],
  ["of another user", () => welcome("8"), "forbidden"],
  ["that cannot be tried", () => Promise.reject(new TypeError("offline")), "unavailable"],
])(
  "[P-CON-8] an auth over long-poll with a token %s is refused, and the old token stays in force",
  async (_, answer, code) => {
    const { connection, heard, calls } = await opened((token) =>
      token === "old" ? welcome("7") : answer(),
    );
    connection.send(['{"type":"auth","id":1,"token":"new"}'], 1_000);
    await settle();
    expect(heard).toEqual([{ type: "reply", id: 1, error: expect.objectContaining({ code }) }]);
    connection.send(['{"type":"ping","id":2}'], 1_000);
    await settle();
    expect(calls.at(-1)?.headers.Authorization).toBe("Bearer old");
    connection.release();
  },
);

it("a poll connection that is refused says which token was refused", async () => {
  let refuses = false;
  const { connection, heard } = await opened(() =>
    refuses ? problem(401, "token_revoked", "it was revoked") : welcome("7"),
  );
  refuses = true;
  connection.send(['{"type":"ping","id":2}'], 1_000);
  await settle();
  expect(heard).toEqual([{ code: 4102, reason: "it was revoked", token: "old" }]);
});

it("[P-OP-9] a poll waits on for a channel that is pending, and says when it is live, pending again and live", async () => {
  const answers: ((messages: object[] | undefined) => void)[] = [];
  const { connection, heard, calls } = await opened((_, { body }) =>
    body === "[]"
      ? welcome("7")
      : new Promise((resolve) =>
          answers.push((messages) =>
            resolve(
              messages === undefined
                ? new Response(null, { status: 204 })
                : new Response(JSON.stringify(messages)),
            ),
          ),
        ),
  );
  const answer = async (...messages: object[]) => {
    await settle();
    answers.shift()?.(messages.length === 0 ? undefined : messages);
    await settle();
    return heard.splice(0);
  };
  const asked = () => JSON.parse(String(calls.at(-1)?.body))[0].since as unknown;
  const channel = "operation:9";
  const pending = { channel, position: "pending.0.0", recovered: false, pending: true };
  const snapshot = { projection: "operation", state: {} };
  const live = { channel, position: "e1.1.t", recovered: false, snapshot };
  const reply = (result: object) => ({ type: "reply", id: 1, result });
  connection.send([JSON.stringify({ type: "subscribe", id: 1, channel })], 1_000);
  expect(await answer(reply(pending))).toEqual([[reply(pending)]]);
  expect(asked()).toBe("pending.0.0");
  expect(calls.at(-1)?.url).toContain("wait=25");
  expect(await answer()).toEqual([]);
  expect(await answer(reply({ ...pending, recovered: true }))).toEqual([]);
  // The operation appears during a poll, and later between two polls.
  const appears = { type: "subscribed", ...live };
  const known = reply({ ...pending, recovered: true });
  expect(await answer(known, appears)).toEqual([[appears]]);
  expect(asked()).toBe("e1.1.t");
  expect(await answer(reply(pending))).toEqual([[{ type: "subscribed", ...pending }]]);
  const again = { ...live, position: "e2.1.t" };
  expect(await answer(reply(again))).toEqual([[{ type: "subscribed", ...again }]]);
  expect(asked()).toBe("e2.1.t");
  connection.release();
});

it("a poll that is never answered ends the connection 30 s after its wait, although other calls are answered", async () => {
  const { connection, heard, clock } = await opened((_, { url, body }) => {
    if (url.includes("/messages")) return new Response('[{"type":"pong"}]');
    if (body === "[]") return welcome("7");
    const [ask] = JSON.parse(body ?? "[]") as [{ id: number; since?: string }];
    if (ask.since !== undefined) return new Promise(() => {});
    return new Response(
      JSON.stringify([{ type: "reply", id: ask.id, result: { position: "e.1.t" } }]),
    );
  });
  connection.send(['{"type":"subscribe","id":1,"channel":"a"}'], 1_000);
  await settle();
  expect(heard).toMatchObject([[{ type: "reply", id: 1 }]]);
  await clock.advance(54_999);
  connection.send(['{"type":"ping","id":2}'], 1_000);
  await settle();
  expect(heard.at(-1)).toEqual([{ type: "pong" }]);
  await clock.advance(1);
  expect(heard.at(-1)).toMatchObject({ code: 1006 });
  expect(clock.timers).toBe(0);
});

it("a publish that is never answered ends the connection after 30 s, although polls are answered", async () => {
  const { connection, heard, clock } = await opened((_, { url, body }) => {
    if (url.includes("/messages")) return new Promise(() => {});
    if (body === "[]") return welcome("7");
    return new Response(null, { status: 204 });
  });
  connection.send(['{"type":"publish","id":1,"channel":"a","event":"tick","data":1}'], 1_000);
  await settle();
  await clock.advance(29_999);
  expect(heard).toEqual([]);
  await clock.advance(1);
  expect(heard).toMatchObject([{ code: 1006 }]);
});

it("a request may take longer than a publish, as its method decides how long it works", async () => {
  const { connection, heard, clock } = await opened((_, { url }) =>
    url.includes("/messages") ? new Promise(() => {}) : welcome("7"),
  );
  connection.send(['{"type":"request","id":1,"method":"m"}'], 1_000);
  await clock.advance(120_000);
  expect(heard).toEqual([]);
  connection.release();
});
