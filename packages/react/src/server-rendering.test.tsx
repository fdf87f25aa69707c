import { createClient } from "@milepost/client";
import { settle } from "@milepost/client/testing";
import { act, cleanup } from "@testing-library/react";
import { StrictMode } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, describe, expect, it, vi } from "vitest";
import { MilepostProvider } from "./provider.tsx";
import { StatusPanel } from "./status-panel.tsx";
import { testParts } from "./testing/world.tsx";
import { useChannel } from "./use-channel.ts";
import { useChat } from "./use-chat.ts";
import { useConnection } from "./use-connection.ts";
import { useNotifications } from "./use-notifications.ts";
import { useOperations } from "./use-operations.ts";
import { usePresence } from "./use-presence.ts";
import { useTyping } from "./use-typing.ts";

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  document.body.innerHTML = "";
});

/** Component that uses every hook. */
function Everything() {
  const connection = useConnection();
  const channel = useChannel("chat:1");
  const unusable = useChannel("room:zürich");
  const chat = useChat("1");
  const presence = usePresence("chat:1");
  const typing = useTyping("chat:1");
  const operations = useOperations();
  const { notifications } = useNotifications();
  return (
    <>
      <p>{connection.state.state}</p>
      <pre>
        {JSON.stringify([channel, unusable.status, chat.view, presence, typing, operations])}
      </pre>
      <p>{notifications.length}</p>
      <StatusPanel operationId="9" />
      <StatusPanel operationId={undefined} />
      <StatusPanel operationId="" />
    </>
  );
}

/** Renders as a server does, which has no window and no location. */
function renderOnServer(url: string, options: object = {}): string {
  vi.stubGlobal("window", undefined);
  vi.stubGlobal("location", undefined);
  vi.stubGlobal("document", undefined);
  try {
    return renderToString(
      <StrictMode>
        <MilepostProvider url={url} {...options}>
          <Everything />
        </MilepostProvider>
      </StrictMode>,
    );
  } finally {
    vi.unstubAllGlobals();
  }
}

describe("rendering on a server", () => {
  it("the provider with a relative url renders on a server without a location and opens no connection", async () => {
    const fetched = vi.spyOn(globalThis, "fetch");
    const { gateway, options } = testParts();
    const token = vi.fn(() => "t");
    const html = renderOnServer("/ws", { webSocket: options.webSocket, token });
    await settle();
    expect(html).toContain("idle");
    expect(gateway.sockets).toHaveLength(0);
    expect(fetched).not.toHaveBeenCalled();
    expect(token).not.toHaveBeenCalled();
  });

  it("the provider renders on a server that has none of the transports", () => {
    vi.stubGlobal("WebSocket", undefined);
    vi.stubGlobal("fetch", undefined);
    expect(renderOnServer("/ws", { transports: ["websocket"] })).toContain("idle");
  });

  it("a page that a server rendered is hydrated without a mismatch and connects then", async () => {
    const { gateway, options } = testParts();
    const complaints = vi.spyOn(console, "error").mockImplementation(() => {});
    const container = document.createElement("div");
    document.body.append(container);
    container.innerHTML = renderOnServer("/ws", { webSocket: options.webSocket });
    const recovered = vi.fn();
    vi.stubGlobal("location", { href: "https://shop.test/orders" });
    const root = await act(async () => {
      const tree = (
        <StrictMode>
          <MilepostProvider {...options} url="/ws">
            <Everything />
          </MilepostProvider>
        </StrictMode>
      );
      const hydrated = hydrateRoot(container, tree, { onRecoverableError: recovered });
      await settle();
      return hydrated;
    });
    expect(gateway.sockets.map(({ url }) => new URL(url).host)).toEqual(["shop.test"]);
    expect(recovered).not.toHaveBeenCalled();
    expect(complaints).not.toHaveBeenCalled();
    await act(() => gateway.last.accept());
    expect(container.textContent).toContain("connected");
    await act(async () => root.unmount());
  });

  it("a client that is connected before the page is hydrated causes no mismatch", async () => {
    const { gateway, options } = testParts();
    const complaints = vi.spyOn(console, "error").mockImplementation(() => {});
    const client = createClient(options);
    const tree = (
      <MilepostProvider client={client}>
        <Everything />
      </MilepostProvider>
    );
    const container = document.createElement("div");
    document.body.append(container);
    container.innerHTML = renderToString(tree);
    client.connect();
    await settle();
    await gateway.last.accept();
    const recovered = vi.fn();
    const root = await act(async () => {
      const hydrated = hydrateRoot(container, tree, { onRecoverableError: recovered });
      await settle();
      return hydrated;
    });
    expect(recovered).not.toHaveBeenCalled();
    expect(complaints).not.toHaveBeenCalled();
    expect(container.textContent).toContain("connected");
    await act(async () => root.unmount());
    await client.close();
  });
});
