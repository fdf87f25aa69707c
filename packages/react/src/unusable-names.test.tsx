import type { OperationHandle } from "@milepost/client";
import { settle } from "@milepost/client/testing";
import { act, cleanup, render, renderHook, screen } from "@testing-library/react";
import { StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, describe, expect, it } from "vitest";
import { MilepostProvider } from "./provider.tsx";
import { StatusPanel } from "./status-panel.tsx";
import { at, created, fold, operationAnswer, setUp } from "./testing/world.tsx";
import { useChannel } from "./use-channel.ts";
import { useChat } from "./use-chat.ts";
import { useCommands } from "./use-commands.ts";
import { useOperation } from "./use-operation.ts";
import { usePresence } from "./use-presence.ts";
import { useTyping } from "./use-typing.ts";

afterEach(cleanup);

const invalid = ["room:zürich", "", "eve@example.com", "chat:", "a b", "x".repeat(300)];
const error = { code: "invalid_channel" };

/** Renders a hook with a name, and returns what it returned first, on a server and after effects have run. */
async function useOf<Result>(hook: () => Result) {
  const { wrapper, client, accept, gateway } = setUp();
  let onServer: Result | undefined;
  const Part = () => {
    onServer = hook();
    return null;
  };
  renderToString(
    <MilepostProvider client={client}>
      <Part />
    </MilepostProvider>,
  );
  client.connect();
  await act(settle);
  await accept();
  const { result } = renderHook(hook, { wrapper });
  await act(settle);
  expect(gateway.last.count("subscribe")).toBe(0);
  return { first: onServer as Result, now: result };
}

describe("hooks with a name that cannot be used", () => {
  it.each(invalid)("each hook shows the error of the name %j and does not throw", async (name) => {
    const channel = await useOf(() => useChannel(name));
    expect(channel.first).toMatchObject({ status: "failed", events: [], error });
    expect(channel.now.current).toMatchObject({ status: "failed", error });
    const operation = await useOf(() => useOperation(name));
    expect(operation.first.view).toMatchObject({ kind: "error", error });
    expect(operation.now.current.view).toMatchObject({ kind: "error", error });
    const presence = await useOf(() => usePresence(name));
    expect(presence.first).toMatchObject({ status: "failed", count: 0, error });
    expect(presence.now.current).toMatchObject({ status: "failed", error });
    const typing = await useOf(() => useTyping(name));
    expect(typing.now.current).toMatchObject({ typing: [], error });
    typing.now.current.setTyping(true);
    const chat = await useOf(() => useChat(name));
    expect(chat.first.view).toMatchObject({ status: "failed", messages: [], error });
    expect(chat.now.current.view).toMatchObject({ status: "failed", error });
    await expect(chat.now.current.send("hello")).rejects.toMatchObject(error);
  });

  it.each([42, true, Symbol("a"), {}, [], () => "a", 10n, new Date(0)])(
    "no hook and no panel throws for %s, which is no text, on a server or in StrictMode",
    async (value) => {
      const name = value as unknown as string;
      const { client, accept } = setUp();
      client.connect();
      await act(settle);
      await accept();
      let commands: ReturnType<typeof useCommands> | undefined;
      const Part = () => {
        useChannel(name);
        useOperation(name);
        usePresence(name);
        useTyping(name);
        useChat(name);
        commands = useCommands(value as unknown as OperationHandle);
        return <StatusPanel operationId={name} />;
      };
      const page = (
        <StrictMode>
          <MilepostProvider client={client}>
            <Part />
          </MilepostProvider>
        </StrictMode>
      );
      expect(renderToString(page)).toContain("mp-panel");
      render(page);
      await act(settle);
      expect(screen.getByRole("region", { name: "Operation" })).toBeDefined();
      await act(async () => {
        await commands?.cancel.run();
      });
      expect(commands?.cancel).toMatchObject({
        available: false,
        error: expect.stringContaining("takes a handle"),
      });
    },
  );

  it.each([undefined, null])("each hook does nothing while the name is %s", async (name) => {
    const channel = await useOf(() => useChannel(name));
    expect(channel.now.current).toMatchObject({ status: "starting", error: undefined });
    const operation = await useOf(() => useOperation(name));
    expect(operation.now.current.view).toEqual({ kind: "loading" });
    const presence = await useOf(() => usePresence(name));
    expect(presence.now.current).toMatchObject({ status: "loading", error: undefined });
    const typing = await useOf(() => useTyping(name));
    expect(typing.now.current).toMatchObject({ typing: [], error: undefined });
    const chat = await useOf(() => useChat(name));
    expect(chat.now.current.view).toMatchObject({ status: "starting", error: undefined });
    await expect(chat.now.current.send("hello")).rejects.toMatchObject({ code: "bad_message" });
    const commands = await useOf(() => useCommands(name));
    expect(commands.now.current.cancel).toMatchObject({ available: false, pending: false });
  });

  it("a command without an operation fails with the reason and does not reject", async () => {
    const { now } = await useOf(() => useOperation("a b"));
    await act(async () => {
      expect(await now.current.cancel.run()).toBeUndefined();
    });
    expect(now.current.cancel.error).toContain('"a b" cannot be the id of an operation');
  });

  it("useOperation shows an operation as soon as it has the id, and recovers from an invalid one", async () => {
    const { wrapper, accept, answer, client } = setUp();
    client.connect();
    await settle();
    await accept();
    const { result, rerender } = renderHook(({ id }) => useOperation(id), {
      wrapper,
      initialProps: { id: undefined as string | undefined },
    });
    rerender({ id: "a b" });
    expect(result.current.view.kind).toBe("error");
    rerender({ id: "9" });
    await act(settle);
    await answer("operation:9", operationAnswer(fold(created)));
    expect(result.current.view).toMatchObject({ kind: "ready", state: { id: "9" } });
  });
});

describe("the status panel without a usable operation", () => {
  it("the status panel without an id says that there is nothing to show yet", async () => {
    const { wrapper } = setUp();
    const { container } = render(<StatusPanel operationId={undefined} />, { wrapper });
    await act(settle);
    expect(screen.getByRole("region", { name: "Operation" })).toBeDefined();
    expect(screen.getByText("There is nothing to show yet.")).toBeDefined();
    expect(container.querySelectorAll(".mp-commands button")).toHaveLength(0);
  });

  it("the status panel with an invalid id says why it cannot be shown", async () => {
    const { wrapper } = setUp();
    render(<StatusPanel operationId="eve@example.com" />, { wrapper });
    await act(settle);
    expect(screen.getByText(/cannot be the id of an operation/)).toBeDefined();
  });
});

describe("ids and names of channels", () => {
  it("useChat and useOperation take an id or the name of the channel, and mean the same", async () => {
    const { wrapper, accept, answer, gateway, client } = setUp();
    client.connect();
    await settle();
    await accept();
    const chats = ["42", "chat:42"].map((id) => renderHook(() => useChat(id), { wrapper }).result);
    const [byId, byName] = ["9", "operation:9"].map(
      (id) => renderHook(() => useOperation(id), { wrapper }).result,
    );
    await act(settle);
    expect(gateway.last.count("subscribe")).toBe(2);
    const state = { messages: [{ id: "a", role: "user", content: "hi", isComplete: true, at: 1 }] };
    await answer("chat:42", {
      position: at(1),
      recovered: false,
      snapshot: { projection: "chat", state },
    });
    await answer("operation:9", operationAnswer(fold(created)));
    for (const { current } of chats) expect(current.view.messages).toHaveLength(1);
    expect(byId?.current.view).toMatchObject({ kind: "ready" });
    expect(byName?.current.view).toBe(byId?.current.view);
  });
});
