import { describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "../testing/test-gateway.ts";

const questions = "/v1/operations/9/questions";

async function running(server: TestGateway): Promise<string> {
  const body = { kind: "deploy", operation_id: "9", user_id: "7", title: "Deploy" };
  const { body: created } = await server.call("POST", "/v1/operations", { body });
  return created.lease.token;
}

describe("questions over HTTP", () => {
  it("[P-QST-1] [P-QST-3] a producer asks and waits, the owner answers once, and both read who answered", async () => {
    await using server = await startGateway();
    const lease = await running(server);
    const body = { kind: "approve", prompt: "Deploy?", key: "go", lease };
    const asked = await server.call("POST", questions, { body });
    expect(asked).toMatchObject({
      status: 201,
      body: { question: { status: "open", prompt: "Deploy?" }, duplicate: false },
    });
    const { id } = asked.body.question;
    const waiting = server.call("GET", `${questions}/${id}?wait=25`);
    const credential = await server.token();
    expect(await server.call("GET", "/v1/questions", { credential })).toMatchObject({
      body: { questions: [{ id, operation_id: "9" }] },
    });
    const answer = (value: unknown, by: string) =>
      server.call("POST", `${questions}/${id}/answer`, { body: { answer: value }, credential: by });
    expect(await answer("yes", credential)).toMatchObject({
      status: 422,
      body: { code: "invalid_data", detail: "answer: must be true or false" },
    });
    expect(await answer(undefined, credential)).toMatchObject({ status: 400 });
    expect(await answer(true, credential)).toMatchObject({
      status: 200,
      body: { duplicate: false },
    });
    expect(await waiting).toMatchObject({
      status: 200,
      body: { status: "answered", answer: true, by: "7", settled_at: expect.any(Number) },
    });
    const stranger = await server.token({ user: "8", session: "s8" });
    expect(await answer(true, stranger)).toMatchObject({ status: 404 });
    const { body: again } = await server.call("POST", questions, { body });
    expect(again).toMatchObject({ duplicate: true, question: { id, answer: true } });
    expect(await server.call("GET", questions, { credential })).toMatchObject({
      body: { questions: [{ id, status: "answered" }] },
    });
    expect(await answer(true, await server.token({ user: "7", session: "s2" }))).toMatchObject({
      body: { duplicate: true },
    });
    expect(
      await server.call("POST", `${questions}/${id}/answer`, { body: { answer: true } }),
    ).toMatchObject({
      status: 409,
      body: { code: "already_answered", detail: expect.stringMatching(/^7 answered/) },
    });
  });

  it("[P-QST-2] the claim roles of a token makes its user one of the people a question is for", async () => {
    await using server = await startGateway();
    await running(server);
    const body = { kind: "approve", prompt: "Deploy?", for: { roles: ["release"] } };
    const { id } = (await server.call("POST", questions, { body })).body.question;
    const path = `${questions}/${id}/answer`;
    const answer = async (roles: readonly string[]) =>
      server.call("POST", path, {
        body: { answer: true },
        credential: await server.token({ user: "8", session: "s8", roles }),
      });
    expect((await answer(["reader"])).status).toBe(404);
    expect((await answer(["released"])).status).toBe(404);
    expect((await answer(["reader", "release"])).status).toBe(200);
  });

  it("[P-QST-5] an input is checked with the JSON Schema of its question, and a hostile schema is refused", async () => {
    await using server = await startGateway();
    await running(server);
    const schema = {
      type: "object",
      properties: { city: { $ref: "#/$defs/city" } },
      required: ["city"],
      $defs: { city: { type: "string", minLength: 2 } },
    };
    const ask = (given: unknown) =>
      server.call("POST", questions, { body: { kind: "input", prompt: "Where?", schema: given } });
    const { id } = (await ask(schema)).body.question;
    const credential = await server.token();
    const answer = (value: unknown) =>
      server.call("POST", `${questions}/${id}/answer`, { body: { answer: value }, credential });
    expect(await answer({ city: "x" })).toMatchObject({
      status: 422,
      body: { detail: expect.stringMatching(/^city: must NOT have fewer than 2/) },
    });
    expect(await answer({ city: "Rome" })).toMatchObject({ status: 200 });
    const deep = Object.fromEntries(
      Array.from({ length: 30 }, (_, n) => [
        `d${n}`,
        { anyOf: [{ $ref: `#/$defs/d${n + 1}` }, { $ref: `#/$defs/d${n + 1}` }] },
      ]),
    );
    for (const hostile of [
      { typ: "string" },
      { $ref: "https://example.org/schema" },
      { $defs: deep, $ref: "#/$defs/d0" },
      { pattern: "(?=a)b" },
    ]) {
      expect(await ask(hostile)).toMatchObject({ status: 422, body: { code: "invalid_data" } });
    }
  });

  it("[P-QST-9] a client answers and puts aside by request", async () => {
    await using server = await startGateway();
    await running(server);
    const body = { kind: "choose", prompt: "Which?", options: ["a", { id: "b", title: "B" }] };
    const { id } = (await server.call("POST", questions, { body })).body.question;
    const socket = await server.socket();
    const target = { operation_id: "9", question_id: id };
    const request = (method: string, params: object) =>
      socket.ask({ type: "request", id: method, method, params });
    expect(await request("questions.snooze", { ...target, for_ms: 60_000 })).toMatchObject({
      result: { status: "open", snoozed_until: expect.any(Number) },
    });
    expect(await request("questions.answer", { ...target, answer: "b" })).toMatchObject({
      result: { question: { status: "answered", answer: "b", by: "7" } },
    });
    expect(await request("questions.list", { operation_id: "9" })).toMatchObject({
      result: { questions: [{ id, status: "answered" }] },
    });
    expect(await request("questions.get", target)).toMatchObject({ result: { id } });
    expect(await server.call("POST", `${questions}/${id}/snooze`)).toMatchObject({ status: 409 });
  });
});
