import { defineContract } from "@milepost/protocol";
import { describe, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { createGateway, type Gateway } from "./index.ts";

const contract = defineContract({
  channels: {
    "room:{room}": {
      events: { message: z.object({ text: z.string(), mood: z.string().default("calm") }) },
      subscribe: "authenticated",
      retention: { maxEntries: 100, maxAgeMs: 60_000 },
    },
  },
  operations: { index: { input: z.object({ folder: z.string() }) } },
  methods: {
    "cart.total": {
      params: z.object({ cart: z.string(), currency: z.string().default("EUR") }),
      result: z.object({ cents: z.int() }),
    },
  },
});

const auth = { tokenSecret: "a secret" };

describe("types of a gateway with a contract", () => {
  it("[W10] publish accepts only the channels, events and data of the contract", () => {
    const gateway = createGateway({ auth, contract });
    void gateway.publish("room:1", "message", { text: "hi" });
    void gateway.publish("room:1", "message", { text: "hi", mood: "merry" });
    // @ts-expect-error: no such channel
    void gateway.publish("gossip", "message", { text: "hi" });
    // @ts-expect-error: no such event
    void gateway.publish("room:1", "mesage", { text: "hi" });
    // @ts-expect-error: wrong data
    void gateway.publish("room:1", "message", { text: 5 });
  });

  it("[W10] a handler gets the parsed parameters of its contract method and must return a result of the contract's type", () => {
    createGateway({
      auth,
      contract,
      methods: {
        "cart.total": {
          timeoutMs: 1_000,
          handler(params, { principal }) {
            expectTypeOf(params).toEqualTypeOf<{ cart: string; currency: string }>();
            expectTypeOf(principal.user).toEqualTypeOf<string | undefined>();
            return { cents: 100 };
          },
        },
      },
    });
    createGateway({
      auth,
      contract,
      // @ts-expect-error: no such method
      methods: { "cart.totals": { handler: () => 1 } },
    });
    createGateway({
      auth,
      contract,
      // @ts-expect-error: wrong result
      methods: { "cart.total": { handler: () => ({ cents: "1" }) } },
    });
    createGateway({
      auth,
      contract,
      methods: {
        // @ts-expect-error: wrong parameters
        "cart.total": { handler: (params: { cart: number }) => ({ cents: params.cart }) },
      },
    });
  });

  it("[W10] createGateway accepts only valid rule settings on a channel of the contract", () => {
    const access = defineContract({
      channels: { news: { events: { headline: z.string() }, subscribe: "everyone" } },
    });
    // @ts-expect-error: no such access
    createGateway({ auth, contract: access });
    const retention = defineContract({
      channels: { news: { events: { headline: z.string() }, retention: { maxEntries: "many" } } },
    });
    // @ts-expect-error: no such retention
    createGateway({ auth, contract: retention });
  });

  it("[W10] a contract can consist of types alone, without schemas", () => {
    interface Shop {
      channels: { "room:{room}": { message: { text: string } } };
      methods: { "cart.total": { params: { cart: string }; result: { cents: number } } };
    }
    const gateway = createGateway<Shop>({
      auth,
      methods: {
        "cart.total": { handler: ({ cart }) => ({ cents: cart.length }) },
      },
    });
    void gateway.publish("room:1", "message", { text: "hi" });
    // @ts-expect-error: wrong data
    void gateway.publish("room:1", "message", { text: 5 });
  });

  it("[W10] a gateway without a contract publishes to any channel and takes any method", () => {
    const gateway = createGateway({ auth, methods: { any: { handler: () => 1 } } });
    expectTypeOf(gateway).toEqualTypeOf<Gateway>();
    void gateway.publish("any:channel", "any", 5);
  });
});
