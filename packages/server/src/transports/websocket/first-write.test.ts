import { once } from "node:events";
import { connect } from "node:net";
import { expect, it } from "vitest";
import { startGateway } from "../../testing/test-gateway.ts";

it("[P-CON-4] the answer to a handshake and the first messages of the connection leave in one write", async () => {
  await using server = await startGateway();
  // The first connection of a gateway also reads the revocations.
  const earlier = await server.socket("/ws?channels=chat:42", {
    subprotocols: ["milepost.v1.json"],
  });
  await earlier.nextOf("subscribed");
  const token = await server.token();
  const socket = connect(server.port, "127.0.0.1");
  socket.write(
    [
      "GET /ws?channels=chat:42 HTTP/1.1",
      "Host: localhost",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Protocol: milepost.v1.json",
      `Authorization: Bearer ${token}`,
      "\r\n",
    ].join("\r\n"),
  );
  const [first] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  const text = first.toString("latin1");
  expect(text).toMatch(/^HTTP\/1\.1 101 /);
  expect(text).toContain('"type":"welcome"');
  expect(text).toContain('"type":"subscribed"');
});
