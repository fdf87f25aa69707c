import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { createGateway, memoryEngine } from "./index.ts";

const key = "an-API-key-of-more-than-32-characters";
const body = JSON.stringify({ channel: "log:a", event: "tick", data: 1 });
const head = `POST /v1/publish HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\n`;

/** Starts a gateway whose engine closes only when the test lets it. */
async function startHeld() {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const create = memoryEngine();
  const gateway = createGateway({
    engine: (runtime) => {
      const engine = create(runtime);
      return { ...engine, close: () => held.then(() => engine.close()) };
    },
    auth: { tokenSecret: "a secret of more than 32 characters", apiKeys: [{ name: "test", key }] },
  });
  const { port } = await gateway.listen({ port: 0, host: "127.0.0.1" });
  const publish = () =>
    fetch(`http://127.0.0.1:${port}/v1/publish`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body,
    }).then(
      ({ status }) => status,
      (error) => error.cause?.code,
    );
  return { gateway, port, publish, release };
}

test("[P-CLOSE-2] a gateway that frees itself refuses connections instead of answering 503, so that a balancer tries another node", async () => {
  const { gateway, publish, release } = await startHeld();
  expect(await publish()).toBe(200);
  const closed = gateway.close();
  await expect.poll(publish).toBe("ECONNREFUSED");
  release();
  await closed;
});

test("[P-CLOSE-2] a publication that began before the port was left is answered, and the next one ends its connection", async () => {
  const { gateway, port, publish, release } = await startHeld();
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  let text = "";
  socket.setEncoding("utf8").on("data", (more) => {
    text += more;
  });
  const answers = () => text.split("HTTP/1.1 200").length - 1;
  const request = `${head}content-length: ${body.length}\r\n\r\n`;
  // The first answer shows that the connection was accepted. The second request lacks its body when the gateway leaves its port.
  socket.write(request + body + request);
  await expect.poll(answers).toBe(1);
  const closed = gateway.close();
  await expect.poll(publish).toBe("ECONNREFUSED");
  expect(text).not.toContain("onnection: close");
  const ended = once(socket, "close");
  socket.write(body + request + body);
  await ended;
  expect(answers()).toBe(3);
  expect(text).toContain("onnection: close");
  release();
  await closed;
});
