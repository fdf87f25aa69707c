import { createClient } from "@milepost/client";
import { ScriptedGateway } from "@milepost/client/testing";
import { expect, test, vi } from "vitest";

test("[P-VIS-1] a client in a browser says whether its page is visible, when it connects and when that changes", async () => {
  const gateway = new ScriptedGateway();
  const client = createClient({
    url: "ws://gateway.test/ws",
    token: "t",
    webSocket: gateway.webSocket,
  });
  client.connect();
  await vi.waitFor(() => expect(gateway.sockets).toHaveLength(1));
  await gateway.last.accept();
  const { reports } = gateway.last;
  await vi.waitFor(() =>
    expect(reports).toMatchObject([{ method: "connection.visible", params: { visible: true } }]),
  );
  const state = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
  document.dispatchEvent(new Event("visibilitychange"));
  await vi.waitFor(() => expect(reports.at(-1)).toMatchObject({ params: { visible: false } }));
  state.mockRestore();
  document.dispatchEvent(new Event("visibilitychange"));
  await vi.waitFor(() => expect(reports.at(-1)).toMatchObject({ params: { visible: true } }));
  await client.close();
});
