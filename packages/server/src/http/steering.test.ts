import { describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "../testing/test-gateway.ts";

const operation = "/v1/operations/9";

async function running(server: TestGateway, accepts: object = {}): Promise<string> {
  const body = { kind: "agent", operation_id: "9", user_id: "7", accepts };
  const { body: created } = await server.call("POST", "/v1/operations", { body });
  return created.lease.token;
}

describe("messages over HTTP", () => {
  it("[P-STE-1] [P-STE-4] [P-STE-5] a person sends a message, and the producer that waits takes it once", async () => {
    await using server = await startGateway();
    const lease = await running(server, { inputs: "queue" });
    const waiting = server.call("GET", `${operation}/inputs?wait=25`);
    const credential = await server.token();
    const body = { data: { text: "shorter" }, key: "m1" };
    const sent = await server.call("POST", `${operation}/inputs`, { body, credential });
    expect(sent).toMatchObject({ status: 202, body: { phase: "queued" } });
    const { input_id } = sent.body;
    const { inputs } = (await waiting).body;
    expect(inputs).toMatchObject([
      { operation_id: "9", input_id, data: { text: "shorter" }, by: "7", phase: "queued" },
    ]);
    const events = [
      { event: "input", data: { input_id, phase: "taken" }, key: "t" },
      { event: "input", data: { input_id, phase: "done" }, key: "d" },
    ];
    await server.call("POST", `${operation}/events`, { body: { lease, events } });
    expect((await server.call("POST", `${operation}/inputs`, { body, credential })).body).toEqual({
      input_id,
      phase: "done",
    });
    const after = `${operation}/inputs?after=${inputs[0].seq}`;
    expect((await server.call("GET", after)).body).toEqual({ inputs: [] });
  });

  it("[P-STE-2] [P-STE-3] [P-STE-6] a message that cannot be taken has a stable code, by its reason", async () => {
    await using server = await startGateway();
    const lease = await running(server, { inputs: "reject" });
    const credential = await server.token();
    const send = (body: object, by = credential) =>
      server.call("POST", `${operation}/inputs`, { body, credential: by });
    await send({ data: 1 });
    expect(await send({ data: 2 })).toMatchObject({ status: 409, body: { code: "busy" } });
    expect(await send({})).toMatchObject({ status: 400, body: { code: "bad_message" } });
    const stranger = await server.token({ user: "8", session: "s8" });
    expect(await send({ data: 1 }, stranger)).toMatchObject({ status: 404 });
    expect(await server.call("GET", `${operation}/inputs`, { credential })).toMatchObject({
      status: 403,
    });
    const events = [{ event: "done", data: {} }];
    await server.call("POST", `${operation}/events`, { body: { lease, events } });
    expect(await send({ data: 3 })).toMatchObject({
      status: 409,
      body: {
        code: "not_possible_now",
        detail: "the operation is done; it takes no more messages",
      },
    });
  });
});

describe("commands of an operation's own over HTTP", () => {
  const commands = [
    {
      name: "level",
      schema: {
        type: "object",
        properties: { value: { type: "integer", maximum: 9 } },
        required: ["value"],
      },
    },
  ];

  it("[P-CMD-7] arguments that do not fit the schema of a command are refused with their place", async () => {
    await using server = await startGateway();
    await running(server, { commands });
    const credential = await server.token();
    const say = (args: unknown) =>
      server.call("POST", `${operation}/commands`, {
        body: { command: "level", args },
        credential,
      });
    expect(await say({ value: 12 })).toMatchObject({
      status: 422,
      body: { code: "invalid_data", detail: expect.stringMatching(/^args\.value: /) },
    });
    expect(await say({})).toMatchObject({ status: 422, body: { code: "invalid_data" } });
    expect(await say({ value: 3 })).toMatchObject({ status: 202, body: { phase: "requested" } });
    const recursive = [{ name: "b", schema: { $ref: "#" } }];
    const body = { kind: "agent", operation_id: "10", accepts: { commands: recursive } };
    expect(await server.call("POST", "/v1/operations", { body })).toMatchObject({
      status: 422,
      body: { detail: expect.stringContaining("accepts.commands[0].schema") },
    });
  });

  it("[P-CMD-9] a key with the scope command stops all of a kind, and one without it none", async () => {
    const key = (name: string) => `${name}-key-that-is-long-enough-for-tests`;
    const apiKeys = [
      { name: "root", key: key("root"), scopes: ["*"] },
      { name: "ops", key: key("ops"), scopes: ["command"] },
      { name: "one", key: key("one"), scopes: ["command:operation:9"] },
    ];
    await using server = await startGateway({ auth: { apiKeys } });
    for (const operation_id of ["9", "10"]) {
      const body = { kind: "agent", operation_id, user_id: "7" };
      await server.call("POST", "/v1/operations", { body, credential: key("root") });
    }
    const stop = (credential: string, filter: object) =>
      server.call("POST", "/v1/operations/commands", {
        body: { command: "cancel", filter },
        credential,
      });
    expect(await stop(key("one"), { kind: "agent" })).toMatchObject({ status: 403 });
    expect((await stop(key("one"), { operation_ids: ["9", "10"] })).body.results).toMatchObject([
      { operation_id: "9", phase: "requested" },
      { operation_id: "10", error: { code: "not_found" } },
    ]);
    expect((await stop(key("ops"), { kind: "agent" })).body.results).toHaveLength(2);
    expect(await stop(await server.token(), { mine: true })).toMatchObject({ status: 200 });
    expect(await stop(key("root"), {})).toMatchObject({
      status: 400,
      body: { code: "bad_message" },
    });
  });
});
