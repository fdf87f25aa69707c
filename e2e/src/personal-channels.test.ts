import { createClient } from "@milepost/client";
import { createGateway } from "@milepost/server";
import { expect, test } from "vitest";
import { WebSocket } from "ws";

/** Starts a gateway and a client whose token names a user and a session. */
async function userWithSession() {
  const gateway = createGateway({ auth: { tokenSecret: "s".repeat(48), apiKeys: [] } });
  const { port } = await gateway.listen({ port: 0 });
  const client = createClient({
    url: `ws://127.0.0.1:${port}/ws`,
    token: () => gateway.mintToken({ user: "7", session: "s1" }),
    webSocket: WebSocket,
  });
  return { gateway, client };
}

test("[P-OP-6] the list of operations has the work reported for the user, the session, or both, each once", async () => {
  const { gateway, client } = await userWithSession();
  await using _gateway = gateway;
  await using _client = client;
  const list = client.operations();
  const shown = new Promise<readonly string[]>((resolve) => {
    list.subscribe(() => {
      const { view } = list;
      if (view.kind === "ready" && view.operations.length === 3) {
        resolve(view.operations.map(({ operation_id }) => operation_id).toSorted());
      }
    });
  });
  const create = (operation_id: string, owner: object) =>
    gateway.operations.create({ kind: "index", operation_id, ...owner });
  await create("both", { user_id: "7", session_id: "s1" });
  await create("of-session", { session_id: "s1" });
  await create("of-others", { user_id: "8", session_id: "s2" });
  await create("of-user", { user_id: "7" });
  expect(await shown).toEqual(["both", "of-session", "of-user"]);
});

test("[P-NOTE-1] [P-NOTE-2] a notification published as {type, message} reaches the user, and one that cannot be shown is refused", async () => {
  const { gateway, client } = await userWithSession();
  await using _gateway = gateway;
  await using _client = client;
  const heard: unknown[] = [];
  const both = new Promise<void>((resolve) => {
    client.notifications.subscribe(({ level, message }) => {
      heard.push({ level, message });
      if (heard.length === 2) resolve();
    });
  });
  for (const name of ["user:7", "session:s1"]) await client.channel(name).subscribe({}).ready;
  await expect(
    gateway.publish("user:7", "notification", { type: "success", text: "Files synced" }),
  ).rejects.toMatchObject({ code: "invalid_data" });
  await gateway.publish("user:7", "notification", { type: "success", message: "Files synced" });
  await gateway.publish("session:s1", "notification", { type: "error", message: "Disk full" });
  await both;
  expect(heard).toEqual([
    { level: "success", message: "Files synced" },
    { level: "error", message: "Disk full" },
  ]);
});
