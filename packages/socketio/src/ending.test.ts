import { describe, expect, test } from "vitest";
import { apiKey, startBridged } from "./testing/bridged-gateway.ts";

async function administer(url: string, path: string, body: unknown): Promise<number> {
  const answer = await fetch(`${url}${path}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${apiKey}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return answer.status;
}

describe("the end of a socket", () => {
  test("[G10] a page whose token is revoked or expires is told why, and its socket ends for good", async () => {
    await using node = await startBridged();
    const revoked = node.page({ auth: { token: await node.token("7") } });
    const expiring = node.page({ auth: { token: await node.token("8", { ttlMs: 1_500 }) } });
    await revoked.next("milepost:ready");
    await expiring.next("milepost:ready");
    expect(await administer(node.url, "/v1/revoke", { user: "7" })).toBe(204);
    for (const [page, code] of [
      [revoked, "token_revoked"],
      [expiring, "token_expired"],
    ] as const) {
      expect(await page.next("error")).toMatchObject({ code });
      expect(await page.next("disconnect")).toBe("io server disconnect");
      expect(page.socket.active).toBe(false);
    }
    expect(node.bridge.getConnectedUsersCount()).toBe(0);
    revoked.socket.connect();
    expect((await revoked.next("connect_error")).data).toMatchObject({ code: "token_revoked" });
  });

  test("[P-CONN-2] a page that an API key disconnects does not come back by itself", async () => {
    await using node = await startBridged();
    const page = node.page({ auth: { token: await node.token("7") } });
    await page.next("milepost:ready");
    await administer(node.url, "/v1/users/7/disconnect", { reason: "signed out" });
    expect(await page.next("error")).toMatchObject({ code: "cancelled" });
    expect(await page.next("disconnect")).toBe("io server disconnect");
  });

  test("[P-ADM-6] connections of a page count for its user as at the other doors, and one more is refused with the wait", async () => {
    await using node = await startBridged({ gateway: { limits: { maxConnectionsPerUser: 1 } } });
    const token = await node.token("7");
    const first = node.page({ auth: { token } });
    await first.next("milepost:ready");
    const second = node.page({ auth: { token } });
    expect((await second.next("connect_error")).data).toMatchObject({
      code: "too_many_connections",
      retryable: true,
    });
    first.cut();
    await first.next("disconnect");
    await first.next("milepost:ready");
    expect(first.socket.recovered).toBe(true);
  });

  test("client:disconnect ends the socket and the connection behind it, and the user is connected no more", async () => {
    await using node = await startBridged();
    const page = node.page({ auth: { token: await node.token("7") } });
    const other = node.page({ auth: { token: await node.token("7") } });
    await page.next("milepost:ready");
    await other.next("milepost:ready");
    expect(node.bridge.getConnectedUsersCount()).toBe(1);
    expect(await page.socket.emitWithAck("client:disconnect", { userId: "7" })).toEqual({
      ok: true,
    });
    expect(await page.next("disconnect")).toBe("io server disconnect");
    expect(node.bridge.getConnectedUsersCount()).toBe(1);
    other.socket.emit("client:disconnect");
    await other.next("disconnect");
    expect(node.bridge.getConnectedUsersCount()).toBe(0);
    await expect.poll(() => node.gateway.stats().connections).toBe(0);
  });

  test("a bridge that closes notifies its pages, which then lose the connection and try to reconnect", async () => {
    await using node = await startBridged();
    const auth = { token: await node.token("7") };
    const pages = [["websocket"], ["polling"]].map((transports) =>
      node.page({ transports, auth, reconnectionAttempts: 1 }),
    );
    for (const page of pages) await page.next("milepost:ready");
    await node.bridge.close();
    for (const page of pages) {
      expect(await page.next("notification")).toMatchObject({
        type: "info",
        message: "The server is restarting. This page reconnects by itself.",
      });
      expect(await page.next("disconnect")).toBe("transport close");
      expect(page.socket.active).toBe(true);
    }
    expect(node.server.listening).toBe(true);
  });

  test("[P-CLOSE-2] a gateway that drains notifies the pages, and they leave within their part of the drain", async () => {
    await using node = await startBridged();
    const page = node.page({ auth: { token: await node.token("7") }, reconnection: false });
    await page.next("milepost:ready");
    const closed = node.gateway.close({ drainMs: 300 });
    expect(await page.next("notification")).toMatchObject({ level: "info" });
    expect(await page.next("disconnect")).toBe("transport close");
    await closed;
  });
});
