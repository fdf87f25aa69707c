import { describe, expect, it } from "vitest";
import { defineContract } from "./define-contract.ts";
import { unchecked } from "./standard-schema.ts";

const any = unchecked();

describe("defineContract", () => {
  it("[W10] defineContract returns the channels, operations and methods of the definition", () => {
    const contract = defineContract({
      channels: { "chat:{chat}": { events: { message: any, "*": any } } },
      operations: { index: { input: any, steps: ["read"] }, "*": {} },
      methods: { "cart.total": { params: any } },
    });
    expect(contract.channels["chat:{chat}"].events.message).toBe(any);
    expect(contract.operations.index.steps).toEqual(["read"]);
    expect(contract.methods["cart.total"].params).toBe(any);
  });

  it("[W10] defineContract accepts schemas that are functions", () => {
    const schema = Object.assign(() => true, any);
    expect(() => defineContract({ methods: { now: { result: schema } } })).not.toThrow();
  });

  // JavaScript and casts can pass definitions that the types refuse.
  it.each<[string, unknown, RegExp]>([
    ["no events", { channels: { "a:{b}": {} } }, /channels\["a:\{b\}"\]: needs events/],
    [
      "an event that is no name",
      { channels: { a: { events: { "no name": any } } } },
      /channels\["a"\]\.events: event must be/,
    ],
    [
      "an event of the protocol itself",
      { channels: { a: { events: { reply: any } } } },
      /"reply" is reserved for the protocol/,
    ],
    [
      "an event without a schema",
      { channels: { a: { events: { b: { type: "string" } } } } },
      /channels\["a"\]\.events\.b: is not a Standard Schema/,
    ],
    [
      "an input without a schema",
      { operations: { index: { input: String } } },
      /operations\["index"\]\.input: is not a Standard Schema/,
    ],
    [
      "parameters of a later standard",
      { methods: { now: { params: { "~standard": { version: 2, validate: () => ({}) } } } } },
      /methods\["now"\]\.params: is not a Standard Schema/,
    ],
  ])(
    "[W10] defineContract refuses a contract with %s and names the path of the mistake",
    (_, definition, message) => {
      expect(() => defineContract(definition as object)).toThrow(message);
    },
  );

  it.each([
    ["chat:{chat}", "chat:{room}"],
    ["chat:{chat}:{message}", "chat:{chat}:*"],
  ])(
    "[W10] defineContract refuses the patterns %s and %s together, because types cannot tell them apart",
    (one, other) => {
      const events = { message: any };
      const define = () => defineContract({ channels: { [one]: { events }, [other]: { events } } });
      expect(define).toThrow(`types cannot tell this pattern from ${JSON.stringify(one)}`);
    },
  );
});
