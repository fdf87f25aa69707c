import { expect, test } from "vitest";
import type { ConnectionState } from "../connection/connection-state.ts";
import { Reporter } from "../runtime/reporter.ts";
import type { ChannelHandlers, Subscription } from "./channel.ts";
import { NotificationFeed } from "./notification-feed.ts";

const connected: ConnectionState = {
  ...{ state: "connected", transport: "websocket", connectionId: "c", node: "n" },
  ...{
    degraded: false,
    userId: "7",
    sessionId: "s",
    userChannel: "user:7",
    sessionChannel: "session:s",
  },
};

/** Feed of a connected user, with the channels it reads and the messages it tells. */
function feed() {
  const channels = new Map<string, ChannelHandlers>();
  const told: string[] = [];
  const notifications = new NotificationFeed({
    reporter: new Reporter((error) => {
      throw error;
    }),
    identity: { state: connected, connect() {}, onState: () => () => {} },
    subscribe(name, handlers) {
      channels.set(name, handlers);
      return { close: () => channels.delete(name) } as unknown as Subscription;
    },
  });
  const stop = notifications.subscribe(({ message }) => told.push(message));
  let offset = 0;
  const arrive = async (channel: string, id: string, message: string) => {
    const data = { id, level: "info", message };
    const position = `e.${++offset}.t`;
    channels.get(channel)?.onEvent?.({ channel, position, event: "notification", data, ts: 0 });
    await Promise.resolve();
  };
  return { channels, told, stop, arrive };
}

test("a notification that reaches the user and the session is told once", async () => {
  const { told, arrive } = feed();
  await arrive("user:7", "n1", "done");
  await arrive("session:s", "n1", "done");
  await arrive("session:s", "n2", "more");
  expect(told).toEqual(["done", "more"]);
});

test("the feed remembers the last 200 notifications", async () => {
  const { told, arrive } = feed();
  for (let n = 1; n <= 201; n++) await arrive("user:7", `n${n}`, "new");
  await arrive("session:s", "n2", "again");
  expect(told).toHaveLength(201);
  await arrive("session:s", "n1", "forgotten");
  expect(told.at(-1)).toBe("forgotten");
});

test("the channels are left when the last listener has gone", () => {
  const { channels, stop } = feed();
  expect([...channels.keys()]).toEqual(["user:7", "session:s"]);
  stop();
  expect(channels.size).toBe(0);
});
