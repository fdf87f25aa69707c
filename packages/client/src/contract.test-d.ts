import { type ContractOf, defineContract, unchecked } from "@milepost/protocol";
import { describe, expectTypeOf, it } from "vitest";
import type { Client } from "./client.ts";
import type { EventsOf } from "./contract.ts";
import { createClient } from "./create-client.ts";

/**
 * Schema with a default. The log keeps data as it was sent, so a subscriber may receive it without the field.
 */
declare const message: {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => { readonly value: { text: string; mood: string } };
    readonly types?: {
      readonly input: { text: string; mood?: string };
      readonly output: { text: string; mood: string };
    };
  };
};

const contract = defineContract({
  channels: {
    "room:{room}": {
      events: { message, left: unchecked<{ who: string }>() },
      retention: { maxEntries: 10, maxAgeMs: 1_000 },
      subscribe: "authenticated",
    },
    "room:{room}:typing": { events: { typing: unchecked<{ who: string }>() } },
    "room:lobby": { events: { opened: unchecked<{ at: number }>() } },
    "user:{user}": { events: { cart: unchecked<number>() } },
    "stock:*": { events: { level: unchecked<number>() } },
    "free:{any}": { events: { "*": unchecked<{ n: number }>() } },
  },
  operations: {
    index: {
      input: unchecked<{ folder: string }>(),
      result: unchecked<{ files: number }>(),
      steps: ["read", "write"],
    },
    export: { result: unchecked<{ rows: number }>() },
  },
  methods: {
    "cart.total": {
      params: unchecked<{ cart: string }>(),
      result: unchecked<{ cents: number }>(),
    },
    "cart.list": { params: unchecked<{ limit: number } | undefined>() },
  },
});

type Types = ContractOf<typeof contract>;

const client = createClient<typeof contract>({ url: "wss://example.com/ws" });

describe("a contract made with defineContract", () => {
  it("[W10] createClient takes the types of a contract from a type argument or from the option contract", () => {
    expectTypeOf(client).toEqualTypeOf<Client<Types>>();
    const byValue = createClient({ url: "wss://example.com/ws", contract });
    expectTypeOf(byValue).toEqualTypeOf<Client<Types>>();
  });

  it("[W10] a channel name that fits no pattern of the contract is a type error", () => {
    client.channel("room:42");
    client.channel("stock:fruit:apples");
    client.channel("operation:1");
    // @ts-expect-error: no such channel
    client.channel("gossip");
    // @ts-expect-error: a pattern is no name
    client.channel("room");
  });

  it("[W10] the narrowest matching pattern determines a channel's events", () => {
    expectTypeOf<keyof EventsOf<Types, "room:42">>().toEqualTypeOf<"message" | "left">();
    expectTypeOf<keyof EventsOf<Types, "room:42:typing">>().toEqualTypeOf<"typing">();
    expectTypeOf<keyof EventsOf<Types, "room:lobby">>().toEqualTypeOf<"opened">();
  });

  it("[W10] a contract can add events to a built-in channel such as user:{id}", () => {
    expectTypeOf<keyof EventsOf<Types, "user:7">>().toEqualTypeOf<
      "cart" | "operation" | "notification"
    >();
  });

  it("[W10] received events have the type that was sent, before the schema's defaults", async () => {
    for await (const event of client.channel("room:42").events({ events: ["message"] })) {
      if (event.event === "message")
        expectTypeOf(event.data).toEqualTypeOf<{ text: string; mood?: string }>();
      else expectTypeOf(event.data).toEqualTypeOf<{ who: string }>();
      // @ts-expect-error: no such event
      event.event === "mesage";
    }
    // @ts-expect-error: no such event to filter by
    client.channel("room:42").events({ events: ["mesage"] });
  });

  it("[W10] publishing data that the schema does not accept is a type error", () => {
    void client.publish("room:1", "message", { text: "hi" });
    void client.channel("room:1").publish("message", { text: "hi", mood: "good" });
    // @ts-expect-error: no such event
    void client.publish("room:1", "mesage", { text: "hi" });
    // @ts-expect-error: wrong data
    void client.publish("room:1", "message", { text: 5 });
    // @ts-expect-error: missing data
    void client.channel("room:1").publish("message", {});
    // @ts-expect-error: an event of another channel
    void client.channel("room:1").publish("typing", { who: "me" });
  });

  it("[W10] a channel whose events are declared as * accepts any event name", () => {
    void client.publish("free:1", "whatever", { n: 1 });
    // @ts-expect-error: wrong data
    void client.publish("free:1", "whatever", { n: "1" });
  });

  it("[W10] a request is typed by its method", () => {
    expectTypeOf(client.request("cart.total", { cart: "c" })).resolves.toEqualTypeOf<{
      cents: number;
    }>();
    expectTypeOf(client.request("cart.list")).resolves.toEqualTypeOf<unknown>();
    // @ts-expect-error: no such method
    void client.request("cart.totals", { cart: "c" });
    // @ts-expect-error: wrong parameters
    void client.request("cart.total", { cart: 7 });
    // @ts-expect-error: no parameters
    void client.request("cart.total");
    // @ts-expect-error: wrong parameters
    void client.request("cart.list", { limit: "all" });
  });

  it("[W10] an operation is typed by its kind", async () => {
    const { state } = client.operation("o");
    if (state?.kind === "index") {
      expectTypeOf(state.input).toEqualTypeOf<{ folder: string } | undefined>();
      expectTypeOf(state.result).toEqualTypeOf<{ files: number } | undefined>();
    }
    const finished = await client.operation("o", "export").finished();
    expectTypeOf(finished.result).toEqualTypeOf<{ rows: number } | undefined>();
    expectTypeOf(finished.input).toEqualTypeOf<unknown>();
    // @ts-expect-error: no such kind
    client.operation("o", "indx");
    // @ts-expect-error: no such kind
    state?.kind === "indx";
    // @ts-expect-error: no such field of this kind's result
    finished.result?.files;
  });

  it("[W10] where a contract defines no channels, methods or operations, the client accepts any of them", () => {
    const news = defineContract({ channels: { news: { events: { headline: unchecked() } } } });
    const open = createClient<typeof news>({ url: "/ws" });
    expectTypeOf(open.request("any", 1)).resolves.toEqualTypeOf<unknown>();
    open.operation("o", "any kind");
    // @ts-expect-error: channels are not left out
    open.channel("gossip");
    const methods = defineContract({ methods: { now: {} } });
    createClient<typeof methods>({ url: "/ws" }).channel("any:channel");
  });

  it("[W10] defineContract accepts only schemas as the types of events", () => {
    // @ts-expect-error: no schema
    defineContract({ channels: { news: { events: { headline: "string" } } } });
    // @ts-expect-error: no events
    defineContract({ channels: { news: { headline: unchecked() } } });
  });
});
