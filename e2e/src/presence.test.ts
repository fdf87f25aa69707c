import { type Client, createClient, type TransportName } from "@milepost/client";
import {
  type ChannelPresence,
  channelPresence,
  type PresenceView,
} from "@milepost/client/presence";
import { createGateway, type Gateway } from "@milepost/server";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { startCuttableProxy } from "./fixtures/cuttable-proxy.ts";

const channel = "chat:42";

interface World extends AsyncDisposable {
  readonly gateway: Gateway;
  enter(user: string, transport?: TransportName): Promise<Visitor>;
}

interface Visitor {
  readonly client: Client;
  readonly presence: ChannelPresence;
  /** Resolves once `is` accepts the view. */
  sees(is: (view: PresenceView) => boolean): Promise<PresenceView>;
  /** Cuts the client's connection; the client then reconnects. */
  cut(): void;
}

async function world(): Promise<World> {
  const gateway = createGateway({
    auth: { tokenSecret: "s".repeat(48), apiKeys: [] },
    limits: { presenceGraceMs: 1_000 },
  });
  const { port } = await gateway.listen({ port: 0 });
  const ends: (() => Promise<unknown>)[] = [];
  return {
    gateway,
    async enter(user, transport = "websocket") {
      const proxy = await startCuttableProxy(() => port);
      const client = createClient({
        url: `${proxy.url}/ws`,
        token: () => gateway.mintToken({ user, channels: { subscribe: ["chat:*"] } }),
        transports: [transport],
        webSocket: WebSocket,
        backoff: { minMs: 5, maxMs: 40 },
        onError: () => {},
      });
      const presence = channelPresence(client, channel);
      const sees: Visitor["sees"] = (is) =>
        new Promise((resolve) => {
          const stop = presence.subscribe(() => look());
          const look = () => {
            const view = presence.getSnapshot();
            if (!is(view)) return;
            stop();
            resolve(view);
          };
          look();
        });
      const stay = presence.subscribe(() => {});
      ends.push(async () => {
        stay();
        await client.close();
        await proxy[Symbol.asyncDispose]();
      });
      await sees(({ status }) => status === "live");
      return { client, presence, sees, cut: () => proxy.cut() };
    },
    async [Symbol.asyncDispose]() {
      for (const end of ends) await end();
      await gateway.close();
    },
  };
}

const has = (user: string) => (view: PresenceView) =>
  view.members.some(({ user_id }) => user_id === user);

test.each(["websocket", "sse"] as const)(
  "[P-PRES-2] [P-PRES-8] over %s a member sees others come, type and leave, and is seen by them",
  async (transport) => {
    await using w = await world();
    const ada = await w.enter("ada", transport);
    const bob = await w.enter("bob", transport);
    await ada.sees(has("bob"));
    await bob.sees(has("ada"));
    bob.presence.setTyping(true);
    await ada.sees(({ typing }) => typing.includes("user:bob"));
    bob.presence.setTyping(false);
    await ada.sees(({ typing }) => typing.length === 0);
    await bob.client.close();
    expect(await ada.sees((view) => !has("bob")(view))).toMatchObject({ count: 1 });
  },
);

test("[P-PRES-4] a connection that breaks and returns is not reported as a leave", async () => {
  await using w = await world();
  const ada = await w.enter("ada");
  const bob = await w.enter("bob");
  await ada.sees(has("bob"));
  const heard: string[] = [];
  ada.client.channel(channel).subscribe(
    {
      onPresence: (news) => {
        if ("left" in news) heard.push(...news.left);
      },
    },
    { presence: true, events: [], since: "now" },
  );
  bob.cut();
  await bob.sees(({ status }) => status === "stale");
  await bob.sees(({ status }) => status === "live");
  const eve = await w.enter("eve");
  await ada.sees(has("eve"));
  await eve.client.close();
  await ada.sees((view) => !has("eve")(view));
  expect(heard).toEqual(["user:eve"]);
});

test("[P-PRES-11] a client over long-poll sees the members and is not counted as one", async () => {
  await using w = await world();
  const ada = await w.enter("ada");
  const bob = await w.enter("bob", "poll");
  expect((await bob.sees(has("ada"))).count).toBe(1);
  expect(ada.presence.getSnapshot().count).toBe(1);
});
