import { expect, it } from "vitest";
import { settle } from "../testing/index.ts";
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
  const heard: unknown[] = [];
  const calls: Call[] = [];
  const fetch: Fetch = async (url, init) => {
    const call = { url, ...init };
    calls.push(call);
    return answer(init.headers.Authorization?.replace("Bearer ", "") ?? "", call);
  };
  const connection = pollTransport(fetch).open(
    { url: new URL("ws://gateway.test/ws"), token: "old", connectionId: undefined },
    {
      onFrame: (frame) => heard.push(JSON.parse(String(frame))),
      onClose: (code, reason, details) => heard.push({ code, reason, token: details?.token }),
    },
  );
  await settle();
  heard.length = 0;
  return { connection, heard, calls };
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
