import { connectedClient, settle } from "@milepost/client/testing";
import { act, cleanup, render, screen } from "@testing-library/react";
import { StrictMode, useEffect } from "react";
import { afterEach, expect, it } from "vitest";
import { create } from "zustand";
import { type MilepostState, milepost, selectConnection, selectMessages } from "./index.ts";

afterEach(cleanup);

const at = (offset: number) => `e.${offset}.t${offset}`;

it("a component renders again only when the part that it selects has changed, under StrictMode with one subscription", async () => {
  const { client, gateway } = await connectedClient();
  const runs: (() => void)[] = [];
  const useLive = create<MilepostState>()(
    milepost(client, () => ({}), { schedule: (run) => runs.push(run) }),
  );
  const shown = () =>
    act(async () => {
      await settle();
      for (const run of runs.splice(0)) run();
      await settle();
    });
  const renders = { light: 0, chat: 0, other: 0 };
  function Light() {
    renders.light++;
    return <p>{useLive(selectConnection).state}</p>;
  }
  function Chat({ channel, count }: { channel: string; count: "chat" | "other" }) {
    renders[count]++;
    const watch = useLive((state) => state.watch);
    useEffect(() => watch(channel), [watch, channel]);
    const messages = useLive(selectMessages(channel));
    return <p>{messages.map(({ content }) => content).join(" ")}</p>;
  }
  render(
    <StrictMode>
      <Light />
      <Chat channel="chat:1" count="chat" />
      <Chat channel="chat:2" count="other" />
    </StrictMode>,
  );
  await shown();
  const socket = gateway.last;
  for (const _ of [1, 2]) {
    const subscribe = socket.take("subscribe");
    await socket.reply(subscribe, {
      channel: subscribe.channel,
      position: at(0),
      recovered: false,
    });
  }
  await shown();
  expect(socket.count("subscribe")).toBe(0);
  const before = { ...renders };
  const data = { content: "hello", role: "user" };
  const said = { type: "event", channel: "chat:1", event: "chat_message", data, ts: 1 };
  await socket.say({ ...said, position: at(1) });
  await shown();
  expect(screen.getByText("hello")).toBeDefined();
  expect(renders.chat).toBeGreaterThan(before.chat);
  expect([renders.light, renders.other]).toEqual([before.light, before.other]);
  await client.close();
});
