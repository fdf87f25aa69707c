import { connect } from "node:net";

/** Sends bytes and resolves with everything received until the other end closes the connection. */
export function exchange(port: number, request: string | Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    connect(port, "127.0.0.1")
      .on("data", (chunk) => {
        answer += chunk;
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
