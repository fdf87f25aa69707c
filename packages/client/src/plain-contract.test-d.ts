import type { OperationEvents, OperationSummary } from "@milepost/model";
import { describe, expectTypeOf, it } from "vitest";
import type { Channel, ChannelItem } from "./channel/channel.ts";
import type { Client } from "./client.ts";
import type { ChannelEvent, ChannelName, EventsOf } from "./contract.ts";
import { createClient } from "./create-client.ts";

interface Shop {
  channels: {
    [name: `room:${string}`]: { message: { text: string }; typing: { who: string } };
    [name: `stock:${number}`]: { level: number };
    "order:{order}": { paid: { cents: number } };
    news: { headline: string };
  };
  operations: {
    export: { input: { from: string }; result: { rows: number }; steps: "read" | "write" };
  };
  methods: { "cart.total": { params: { cart: string }; result: { cents: number } } };
}

declare const shop: Client<Shop>;
declare const anything: Client;

describe("a contract that is a type without schemas", () => {
  it("[W10] a channel's events are typed by the template or pattern that its name fits", () => {
    expectTypeOf<EventsOf<Shop, "room:42">>().toExtend<{
      message: { text: string };
      typing: { who: string };
    }>();
    expectTypeOf(shop.channel("room:42")).toExtend<
      Channel<{ message: { text: string }; typing: { who: string } }>
    >();
    expectTypeOf<EventsOf<Shop, "order:7">["paid"]>().toEqualTypeOf<{ cents: number }>();
    expectTypeOf<"room:1">().toExtend<ChannelName<Shop>>();
    expectTypeOf<"stock:7">().toExtend<ChannelName<Shop>>();
    expectTypeOf<"room">().not.toExtend<ChannelName<Shop>>();
    expectTypeOf<"stock:seven">().not.toExtend<ChannelName<Shop>>();
  });

  it("[W10] a contract includes the channels that every deployment has", () => {
    expectTypeOf<EventsOf<Shop, "operation:9">>().toExtend<OperationEvents>();
    expectTypeOf<EventsOf<Shop, "session:s">["operation"]>().toEqualTypeOf<OperationSummary>();
  });

  it("[W10] an event's name narrows the type of its data", () => {
    type Event = ChannelEvent<{ message: { text: string }; level: number }>;
    expectTypeOf<Extract<Event, { event: "message" }>["data"]>().toEqualTypeOf<{ text: string }>();
    expectTypeOf<Extract<Event, { event: "level" }>["data"]>().toEqualTypeOf<number>();
    expectTypeOf<ChannelItem["type"]>().toEqualTypeOf<"event" | "snapshot" | "gap" | "reset">();
  });

  it("[W10] wrong channel names, events and data are type errors", () => {
    void shop.publish("room:1", "message", { text: "hi" });
    void shop.channel("news").publish("headline", "extra!");
    // @ts-expect-error: no such event on this channel
    void shop.publish("room:1", "headline", "x");
    // @ts-expect-error: wrong data
    void shop.publish("room:1", "message", { text: 5 });
    // @ts-expect-error: no such channel
    shop.channel("gossip");
    // @ts-expect-error: no such event to filter by
    shop.channel("news").subscribe({}, { events: ["message"] });
  });

  it("[W10] the contract's methods and the built-in ones are typed, and others are type errors", () => {
    expectTypeOf(shop.request("cart.total", { cart: "c" })).resolves.toEqualTypeOf<{
      cents: number;
    }>();
    expectTypeOf(shop.request("operations.list")).resolves.toHaveProperty("operations");
    // @ts-expect-error: no such method
    void shop.request("cart.totals", { cart: "c" });
    // @ts-expect-error: wrong parameters
    void shop.request("cart.total", { cart: 7 });
    // @ts-expect-error: no parameters
    void shop.request("cart.total");
  });

  it("[W10] an operation's kind types its input and result", () => {
    const { state } = shop.operation("o");
    if (state !== undefined) {
      expectTypeOf(state.kind).toEqualTypeOf<"export">();
      expectTypeOf(state.result).toEqualTypeOf<{ rows: number } | undefined>();
    }
    // @ts-expect-error: no such kind
    shop.operation("o", "import");
  });

  it("[W10] a client takes its contract from the type argument", () => {
    const client = createClient<Shop>({ url: "ws://localhost/ws" });
    expectTypeOf(client).toEqualTypeOf<Client<Shop>>();
  });

  it("[W10] a client without a contract accepts any name, and its data is unknown", () => {
    expectTypeOf(anything.channel("x:y")).toExtend<Channel<Record<string, unknown>>>();
    expectTypeOf<ChannelEvent["data"]>().toEqualTypeOf<unknown>();
    expectTypeOf(anything.request("other", 5)).resolves.toEqualTypeOf<unknown>();
    expectTypeOf(anything.operation("o").state?.result).toEqualTypeOf<unknown>();
  });

  it("[W10] where a contract type defines no methods or operations, the client accepts any of them", () => {
    const news = createClient<{ channels: { news: { headline: string } } }>({ url: "/ws" });
    expectTypeOf(news.request("other", 5)).resolves.toEqualTypeOf<unknown>();
    news.operation("o", "any kind");
    // @ts-expect-error: channels are not left out
    news.channel("gossip");
  });
});
