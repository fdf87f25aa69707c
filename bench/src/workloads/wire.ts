import { connect } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { createGateway, memoryEngine } from "@milepost/server";
import { monotonicUs } from "../measure/monotonic.ts";
import type { Options } from "../options.ts";
import { makePayload } from "../payload.ts";
import { secrets } from "../targets/served-node.ts";
import type { OnProgress, WorkloadReport } from "./workload.ts";

/** Ways in which a WebSocket reads events, by the subprotocol that it offers. */
const dialects: Readonly<Record<string, string | undefined>> = {
  "milepost.v1.json": "milepost.v1.json",
  "milepost.v1.json.short": "milepost.v1.json.short",
  "milepost.v1.msgpack": "milepost.v1.msgpack",
  "milepost.v1.msgpack.short": "milepost.v1.msgpack.short",
  plain: undefined,
};
const publications = 1_000;
const channel = "bench:own:17";
const event = "progress";
const endMark = "0123456789-end-of-the-workload";

/** Runs the workload `wire`: the bytes that one publication takes in each dialect, one a tick, framing included. */
export async function runWire(_: Options, onProgress: OnProgress): Promise<WorkloadReport> {
  const gateway = createGateway({
    engine: memoryEngine(),
    auth: { tokenSecret: secrets.tokenSecret },
  });
  const { port } = await gateway.listen({ port: 0, host: "127.0.0.1" });
  const token = await gateway.mintToken({
    user: "reader",
    ttlMs: 600_000,
    channels: { subscribe: ["bench:*"] },
  });
  const data = (n: number) => makePayload(n, monotonicUs());
  const dataBytes = JSON.stringify(data(0)).length;
  const rows = [];
  for (const [dialect, subprotocol] of Object.entries(dialects)) {
    onProgress(`wire: ${dialect}`);
    const reader = new ByteReader(port, token, subprotocol);
    await reader.until("subscribed");
    // The first event of the short form is told its number.
    await gateway.publish(channel, event, data(0));
    await turn();
    await gateway.publish(channel, "mark", endMark);
    await reader.until(endMark);
    const before = reader.bytes;
    for (let n = 1; n <= publications; n++) {
      await gateway.publish(channel, event, data(n));
      await turn();
    }
    await turn();
    const last = await gateway.publish(channel, "mark", `${endMark}-2`);
    await reader.until(`${endMark}-2`);
    const markBytes = reader.lastFrame;
    reader.close();
    const bytes = (reader.bytes - before - markBytes) / publications;
    rows.push({ dialect, bytes, dataBytes, position: last.position.length });
  }
  await gateway.close();
  return {
    workload: "wire",
    what: `${publications} publications with ${dataBytes} bytes of data, one a tick, to one reader of each dialect`,
    table: [
      ["dialect", "bytes a publication", "x data"],
      ...rows.map(({ dialect, bytes }) => [
        dialect,
        bytes.toFixed(1),
        (bytes / dataBytes).toFixed(2),
      ]),
    ],
    notes: [],
    rows,
  };
}

/** Raw WebSocket that counts what it receives. */
class ByteReader {
  readonly #socket;
  #tail = "";
  #waiting: { readonly mark: string; readonly resolve: () => void } | undefined;
  bytes = 0;
  /** Bytes of the last read, which held one frame. */
  lastFrame = 0;

  constructor(port: number, token: string, subprotocol: string | undefined) {
    const socket = connect(port, "127.0.0.1");
    this.#socket = socket;
    socket.on("data", (chunk) => {
      this.bytes += chunk.length;
      this.lastFrame = chunk.length;
      this.#tail = (this.#tail + chunk.toString("latin1")).slice(-4_096);
      this.#look();
    });
    socket.write(
      [
        `GET /ws?channels=${channel} HTTP/1.1`,
        "Host: localhost",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version: 13",
        ...(subprotocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${subprotocol}`]),
        `Authorization: Bearer ${token}`,
        "\r\n",
      ].join("\r\n"),
    );
  }

  until(mark: string): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = { mark, resolve };
      this.#look();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #look(): void {
    if (this.#waiting === undefined || !this.#tail.includes(this.#waiting.mark)) return;
    this.#tail = "";
    this.#waiting.resolve();
    this.#waiting = undefined;
  }
}
