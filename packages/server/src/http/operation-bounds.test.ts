import * as model from "@milepost/model";
import { describe, expect, it } from "vitest";
import { startGateway } from "../testing/test-gateway.ts";

const { eventBounds, operationBounds } = model;

/** Constants of the model that are plans of steps, by name. */
const plans = Object.entries(model).filter(
  ([, value]) =>
    Array.isArray(value) && value.every((item: unknown) => Object.hasOwn(Object(item), "weight")),
) as [string, readonly model.StepPlan[]][];

describe("what the model exports, the gateway accepts", () => {
  it("the model exports plans of steps", () => {
    expect(plans.map(([name]) => name)).toContain("syncSteps");
  });

  it.each(plans)(
    "an operation with the plan %s is created, and its steps are those of the plan",
    async (_, steps) => {
      await using server = await startGateway();
      const { status, body } = await server.call("POST", "/v1/operations", {
        body: { kind: "sync", operation_id: "9", steps },
      });
      expect([status, body.code]).toEqual([201, undefined]);
      const { id: _first, ...rest } = steps[0] as model.StepPlan;
      expect(body.operation.steps[0]).toMatchObject(rest);
      expect(body.operation.steps).toHaveLength(steps.length);
      const events = [
        { event: "started", data: {} },
        { event: "steps", data: { steps } },
        ...steps.map(({ id }) => ({ event: "step", data: { id, status: "done" } })),
      ];
      const lease = body.lease.token;
      const answer = await server.call("POST", "/v1/operations/9/events", {
        body: { lease, events },
      });
      expect(answer.body.results.filter((result: object) => "error" in result)).toEqual([]);
      const { body: now } = await server.call("GET", "/v1/operations/9");
      expect(now.operation).toMatchObject({ percent: 100 });
    },
  );

  it.each(Object.keys(model.operationTransitions))("the status %s filters a list", async (name) => {
    await using server = await startGateway();
    expect(await server.call("GET", `/v1/operations?status=${name}`)).toMatchObject({
      status: 200,
    });
  });

  it.each(Object.keys(model.commandAllowedIn))(
    "the command %s can be requested",
    async (command) => {
      await using server = await startGateway();
      await server.call("POST", "/v1/operations", { body: { kind: "k", operation_id: "9" } });
      const path = "/v1/operations/9/commands";
      const { body } = await server.call("POST", path, { body: { command } });
      expect(body.code ?? "requested").toMatch(/^(requested|not_possible_now)$/);
    },
  );
});

describe("a field of a new operation has the same bound in the model and over HTTP", () => {
  const text = (length: number) => "x".repeat(length);
  const steps = (count: number) => Array.from({ length: count }, (_, n) => ({ id: `s${n}` }));
  const cases: [string, object, object][] = [
    ["kind", { kind: text(eventBounds.id) }, { kind: text(eventBounds.id + 1) }],
    ["kind, empty", { kind: "k" }, { kind: "" }],
    ["title", { title: text(eventBounds.title) }, { title: text(eventBounds.title + 1) }],
    ["title, empty", { title: "" }, { title: 7 }],
    ["operation_id", { operation_id: text(64) }, { operation_id: text(65) }],
    ["session_id", { session_id: text(1_024) }, { session_id: text(1_025) }],
    ["user_id", { user_id: text(1_024) }, { user_id: text(1_025) }],
    ["user_id, other scripts", { user_id: "山|a@b" }, { user_id: "山".repeat(342) }],
    ["user_id, empty", { user_id: " " }, { user_id: "" }],
    ["producer_id", { producer_id: text(200) }, { producer_id: text(201) }],
    ["producer_id, empty", { producer_id: "p" }, { producer_id: "" }],
    ["steps", { steps: steps(operationBounds.steps) }, { steps: steps(operationBounds.steps + 1) }],
    ["steps, none", { steps: [] }, { steps: null }],
    ["step ids", { steps: [{ id: text(64) }] }, { steps: [{ id: text(65) }] }],
    ["step ids, twice", { steps: steps(2) }, { steps: [{ id: "a" }, { id: "a" }] }],
    [
      "step titles",
      { steps: [{ id: "a", title: text(eventBounds.title) }] },
      { steps: [{ id: "a", title: text(eventBounds.title + 1) }] },
    ],
    ["weight 0", { steps: [{ id: "a", weight: 0 }] }, { steps: [{ id: "a", weight: -1 }] }],
    [
      "weight",
      { steps: [{ id: "a", weight: eventBounds.weight }] },
      { steps: [{ id: "a", weight: eventBounds.weight + 1 }] },
    ],
    [
      "weight below 1",
      { steps: [{ id: "a", weight: 0.001 }] },
      { steps: [{ id: "a", weight: "1" }] },
    ],
    ["input", { input: text(eventBounds.payload - 2) }, { input: text(eventBounds.payload) }],
  ];
  it.each(cases)("%s", async (_, good, bad) => {
    await using server = await startGateway();
    for (const [fields, accepted] of [
      [good, true],
      [bad, false],
    ] as const) {
      const body = { kind: "k", ...fields };
      const read = model.parseOperationEvent("created", { operation_id: "9", ...body });
      const { status } = await server.call("POST", "/v1/operations", { body });
      expect([read.ok, status]).toEqual([accepted, accepted ? 201 : 400]);
    }
  });
});
