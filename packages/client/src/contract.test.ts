import type { OperationEvents, OperationSummary } from "@milepost/model";
import { describe, expectTypeOf, it } from "vitest";
import type { Channel, ChannelItem } from "./channel.ts";
import type { Client } from "./client.ts";
import type { ChannelEvent, ChannelName, EventsOf } from "./contract.ts";

interface Shop {
  channels: {
    [name: `chat:${string}`]: { message: { text: string }; typing: { who: string } };
    [name: `stock:${number}`]: { level: number };
    news: { headline: string };
  };
  methods: { "cart.total": { params: { cart: string }; result: { cents: number } } };
}

declare const shop: Client<Shop>;
declare const anything: Client;

// These are checked by the compiler (`tsc -b`); nothing runs.
describe("a contract", () => {
  it("types a channel's events by the template its name fits", () => {
    expectTypeOf<EventsOf<Shop, "chat:42">>().toEqualTypeOf<{
      message: { text: string };
      typing: { who: string };
    }>();
    expectTypeOf<ReturnType<typeof shop.channel<"chat:42">>>().toExtend<
      Channel<{ message: { text: string }; typing: { who: string } }>
    >();
    expectTypeOf<"chat:1">().toExtend<ChannelName<Shop>>();
    expectTypeOf<"stock:7">().toExtend<ChannelName<Shop>>();
    expectTypeOf<"chat">().not.toExtend<ChannelName<Shop>>();
    expectTypeOf<"stock:seven">().not.toExtend<ChannelName<Shop>>();
  });

  it("knows the channels every deployment has", () => {
    expectTypeOf<EventsOf<Shop, "operation:9">>().toEqualTypeOf<OperationEvents>();
    expectTypeOf<EventsOf<Shop, "session:s">["operation"]>().toEqualTypeOf<OperationSummary>();
  });

  it("narrows an event's data by its name", () => {
    type Event = ChannelEvent<{ message: { text: string }; level: number }>;
    expectTypeOf<Extract<Event, { event: "message" }>["data"]>().toEqualTypeOf<{ text: string }>();
    expectTypeOf<Extract<Event, { event: "level" }>["data"]>().toEqualTypeOf<number>();
    expectTypeOf<ChannelItem["type"]>().toEqualTypeOf<"event" | "snapshot" | "gap" | "reset">();
  });

  it("refuses wrong names, events and data", () => {
    () => {
      void shop.publish("chat:1", "message", { text: "hi" });
      void shop.channel("news").publish("headline", "extra!");
      // @ts-expect-error: no such event on this channel
      void shop.publish("chat:1", "headline", "x");
      // @ts-expect-error: wrong data
      void shop.publish("chat:1", "message", { text: 5 });
      // @ts-expect-error: no such channel
      shop.channel("gossip");
      // @ts-expect-error: no such event to filter by
      shop.channel("news").subscribe({}, { events: ["message"] });
    };
  });

  it("types the methods it names and leaves the others open", () => {
    expectTypeOf<typeof shop.request<"cart.total">>().returns.resolves.toEqualTypeOf<{
      cents: number;
    }>();
    expectTypeOf<typeof shop.request<"cart.total">>()
      .parameter(1)
      .toEqualTypeOf<{ cart: string } | undefined>();
    expectTypeOf<typeof shop.request<"other">>().returns.resolves.toEqualTypeOf<unknown>();
  });

  it("that is not given allows anything as unknown data", () => {
    expectTypeOf<typeof anything.channel<"x:y">>().returns.toExtend<
      Channel<Record<string, unknown>>
    >();
    expectTypeOf<ChannelEvent["data"]>().toEqualTypeOf<unknown>();
  });
});
