import { createClient } from "@redis/client";

const deadlineMs = 5_000;

/** Sends one command to a Redis or Sentinel of this machine over a new connection. */
export async function redisCommand(port: number, words: readonly string[]): Promise<unknown> {
  const client = createClient({
    socket: { host: "127.0.0.1", port, connectTimeout: deadlineMs, reconnectStrategy: false },
    RESP: 2,
    disableClientInfo: true,
    maintNotifications: "disabled",
  });
  client.on("error", () => {});
  await client.connect();
  try {
    return await client.sendCommand([...words]);
  } finally {
    client.destroy();
  }
}
