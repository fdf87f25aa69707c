import { createClient } from "@milepost/client";
import { defineContract, unchecked } from "@milepost/protocol";
import { describe, expectTypeOf, it } from "vitest";
import { createHooks } from "./create-hooks.ts";
import { useChannel as useAnyChannel } from "./use-channel.ts";

const contract = defineContract({
  channels: {
    "room:{room}": {
      events: { message: unchecked<{ text: string }>(), left: unchecked<{ who: string }>() },
    },
  },
  operations: {
    index: { result: unchecked<{ files: number }>() },
    export: { result: unchecked<{ rows: number }>() },
  },
  methods: { "cart.total": { params: unchecked<{ cart: string }>() } },
});

const { useChannel, useClient, useOperation, usePresence, useTyping } =
  createHooks<typeof contract>();

describe("hooks with a contract", () => {
  it("[W10] createHooks returns the same types for the contract's value and for its type", () => {
    expectTypeOf(createHooks(contract).useClient).toEqualTypeOf(useClient);
  });

  it("[W10] useClient returns a client with the types of the contract", () => {
    const client = useClient();
    expectTypeOf(client).toEqualTypeOf(createClient<typeof contract>({ url: "/ws" }));
    // @ts-expect-error: wrong parameters
    void client.request("cart.total", { cart: 7 });
  });

  it("[W10] useChannel accepts only channels of the contract, and only their events", () => {
    const { events } = useChannel("room:42", { events: ["message"], limit: 10 });
    const [first] = events;
    if (first?.event === "message") expectTypeOf(first.data).toEqualTypeOf<{ text: string }>();
    // @ts-expect-error: no such event
    first?.event === "mesage";
    // @ts-expect-error: no such channel
    useChannel("gossip");
    // @ts-expect-error: no such event to filter by
    useChannel("room:42", { events: ["mesage"] });
    useChannel(undefined);
  });

  it("[W10] useChannel folds typed events into a state", () => {
    const { state } = useChannel("room:42", {
      reduce: (texts: readonly string[] = [], item) =>
        item.type === "event" && item.event === "message" ? [...texts, item.data.text] : texts,
    });
    expectTypeOf(state).toEqualTypeOf<readonly string[] | undefined>();
    useChannel("room:42", {
      reduce: (count: number | undefined, item) =>
        // @ts-expect-error: no such field in what a leaving carries
        item.type === "event" && item.event === "left" ? item.data.text : (count ?? 0),
    });
  });

  it("[W10] useOperation types operations by their kind", () => {
    const { view } = useOperation("o");
    if (view.kind === "ready" && view.state.kind === "export") {
      expectTypeOf(view.state.result).toEqualTypeOf<{ rows: number } | undefined>();
      // @ts-expect-error: the result of another kind
      view.state.result?.files;
    }
    const selected = useOperation("o", (one) => one.kind === "ready" && one.state.kind);
    expectTypeOf(selected.view).toEqualTypeOf<false | "index" | "export">();
    const typed = useOperation(useClient().operation("o", "index"));
    if (typed.view.kind === "ready") {
      expectTypeOf(typed.view.state.result).toEqualTypeOf<{ files: number } | undefined>();
    }
    // @ts-expect-error: no such kind
    useOperation<"indx">("o");
    // @ts-expect-error: no such kind to compare with
    useOperation("o", (one) => one.kind === "ready" && one.state.kind === "indx");
  });

  it("[W10] usePresence and useTyping accept only channels of the contract", () => {
    expectTypeOf(usePresence("room:42", (view) => view.count)).toEqualTypeOf<number>();
    useTyping("room:42");
    // @ts-expect-error: no such channel
    usePresence("gossip");
    // @ts-expect-error: no such channel
    useTyping("gossip");
  });

  it("[W10] hooks without a contract accept any channel", () => {
    expectTypeOf(createHooks().useChannel("any:thing").events).toEqualTypeOf(
      useAnyChannel("any:thing").events,
    );
  });
});
