import { connect } from "node:net";

/**
 * Sends bytes and resolves with everything received until the other end closes the connection. With `untilHead`, the
 * client closes it as soon as it has the whole head of an answer.
 */
export function exchange(
  port: number,
  request: string | Uint8Array,
  { untilHead = false }: { readonly untilHead?: boolean } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1");
    socket
      .on("data", (chunk) => {
        answer += chunk;
        if (untilHead && answer.includes("\r\n\r\n")) socket.destroy();
      })
      .on("close", () => resolve(answer))
      .on("error", reject)
      .write(request);
  });
}

/** Returns the head of an upgrade request, ready to send. */
export function upgradeRequest(path: string, headers: Record<string, string> = {}): string {
  const all = {
    Host: "localhost",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Version": "13",
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
}
