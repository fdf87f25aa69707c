import { describe, expect, it } from "vitest";
import { defineContract } from "./define-contract.ts";
import { unchecked } from "./standard-schema.ts";

const any = unchecked();

describe("defining a contract", () => {
  it("[W10] keeps what it is given", () => {
    const contract = defineContract({
      channels: { "chat:{chat}": { events: { message: any, "*": any } } },
      operations: { index: { input: any, steps: ["read"] }, "*": {} },
      methods: { "cart.total": { params: any } },
    });
    expect(contract.channels["chat:{chat}"].events.message).toBe(any);
    expect(contract.operations.index.steps).toEqual(["read"]);
    expect(contract.methods["cart.total"].params).toBe(any);
  });

  it("[W10] takes schemas that are functions", () => {
    const schema = Object.assign(() => true, any);
    expect(() => defineContract({ methods: { now: { result: schema } } })).not.toThrow();
  });

  // From JavaScript, or with a cast: what the types would have refused.
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
      /"reply" is a name of the protocol/,
    ],
    [
      "an event without a schema",
      { channels: { a: { events: { b: { type: "string" } } } } },
      /channels\["a"\]\.events\.b: is no Standard Schema/,
    ],
    [
      "an input without a schema",
      { operations: { index: { input: String } } },
      /operations\["index"\]\.input: is no Standard Schema/,
    ],
    [
      "parameters of a later standard",
      { methods: { now: { params: { "~standard": { version: 2, validate: () => ({}) } } } } },
      /methods\["now"\]\.params: is no Standard Schema/,
    ],
  ])("[W10] refuses %s and says where", (_, definition, message) => {
    expect(() => defineContract(definition as object)).toThrow(message);
  });

  it.each([
    ["chat:{chat}", "chat:{room}"],
    ["chat:{chat}:{message}", "chat:{chat}:*"],
  ])("[W10] refuses %s beside %s, which no type can tell apart", (one, other) => {
    const events = { message: any };
    const define = () => defineContract({ channels: { [one]: { events }, [other]: { events } } });
    expect(define).toThrow(`types cannot tell it from ${JSON.stringify(one)}`);
  });
});
