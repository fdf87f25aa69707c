import { once } from "node:events";
import { signPublication, verifyPublication } from "@milepost/protocol";
import { decode, encode } from "@msgpack/msgpack";
import { describe, expect, it } from "vitest";
import { startGateway } from "./testing/test-gateway.ts";
import { TestStream } from "./testing/test-stream.ts";

const key = { id: "of-the-readers", secret: "the secret of a test, of 32 bytes and more" };
const publication = { channel: "chat:42", event: "message", data: { text: "Grüße", n: [1, -0.5] } };
const isValid = async (received: { readonly data: unknown; readonly sig: string }) =>
  (await verifyPublication({ ...publication, ...received }, () => key.secret)).valid;

describe("signed publications", () => {
  it("[P-SIG-6] the signature of a publication reaches the readers of every door and dialect, live and after a resume", async () => {
    await using server = await startGateway();
    // A session may have three connections.
    const token = await server.token({ session: "s2" });
    const other = await server.token({ session: "s3" });
    const json = await server.socket("/ws", { token, subprotocols: ["milepost.v1.json"] });
    json.send({ type: "subscribe", id: 1, channel: "chat:42" });
    const { result } = await json.nextOf("reply");
    const packed = await server.socket("/ws", {
      token: other,
      subprotocols: ["milepost.v1.msgpack"],
    });
    const frames: unknown[] = [];
    packed.ws.on("message", (bytes: Buffer) => frames.push(...[decode(bytes)].flat()));
    const subscribe = { type: "subscribe", id: 1, channel: "chat:42" };
    packed.ws.send(encode(subscribe));
    await once(packed.ws, "message");
    const sse = await TestStream.open(`${server.url}/v1/sse?channels=chat:42`, { token });
    const bare = await server.socket("/ws/chat/42");
    const sig = await signPublication(key, publication);
    await server.call("POST", "/v1/publish", { body: { ...publication, sig } });

    const live = await json.nextOf("event");
    expect(live).toMatchObject({ sig });
    const plain = await bare.nextOf("message");
    expect(plain).toMatchObject({ sig });
    let streamed = await sse.next();
    while (streamed.type !== "message") streamed = await sse.next();
    expect(streamed).toMatchObject({ sig });
    const isSigned = (frame: unknown) => (frame as { type?: string }).type === "event";
    while (!frames.some(isSigned)) await once(packed.ws, "message");
    const inMsgpack = frames.find(isSigned) as { data: unknown; sig: string };
    expect(inMsgpack.sig).toBe(sig);

    const since = { type: "subscribe", id: 1, channel: "chat:42", since: result.position };
    const later = await server.socket("/ws", { token: other, subprotocols: ["milepost.v1.json"] });
    later.send(since);
    const resumed = await later.nextOf("event");
    expect(resumed).toMatchObject({ sig });
    const cursor = encodeURIComponent(`chat:42@${result.position}`);
    const polled = await server.call("GET", `/v1/poll?since=${cursor}`, { credential: token });
    const text = JSON.stringify(polled.body);
    expect(text).toContain(sig);
    for (const received of [live, plain, inMsgpack, resumed, streamed]) {
      expect(await isValid(received as { data: unknown; sig: string })).toBe(true);
    }
    sse.cut();
  });
});
