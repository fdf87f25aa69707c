import { createHash, randomBytes } from "node:crypto";

/**
 * Opening handshake of a WebSocket client: the request to send and the `Sec-WebSocket-Accept` value that must
 * be answered.
 */
export interface Handshake {
  readonly request: string;
  readonly accept: string;
}

/** Request of an opening handshake. */
export interface HandshakeRequest {
  /** Value of the header `Host`. */
  readonly host: string;
  readonly path: string;
  readonly subprotocol?: string | undefined;
  /** Token of the connection; absent: no credential is sent. */
  readonly token?: string | undefined;
}

/** Creates the opening handshake of one connection. */
export function makeHandshake({ host, path, subprotocol, token }: HandshakeRequest): Handshake {
  const key = randomBytes(16).toString("base64");
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${key}`,
  ];
  if (subprotocol !== undefined) lines.push(`Sec-WebSocket-Protocol: ${subprotocol}`);
  if (token !== undefined) lines.push(`Authorization: Bearer ${token}`);
  return { request: `${lines.join("\r\n")}\r\n\r\n`, accept: acceptOf(key) };
}

/** Returns the `Sec-WebSocket-Accept` value that a server answers to a `Sec-WebSocket-Key`. */
export function acceptOf(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}

/**
 * Checks a server's answer and returns the offset at which its frames begin; undefined while the head is
 * incomplete.
 *
 * Throws with the status line and the body when the server refuses, and when the answer has another accept key.
 */
export function readAnswer(
  bytes: Buffer,
  { accept }: Pick<Handshake, "accept">,
): number | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [status = "", ...headers] = bytes.toString("latin1", 0, end).split("\r\n");
  if (!status.startsWith("HTTP/1.1 101 ")) {
    throw new Error(`refused: ${status} ${bytes.toString("utf8", end + 4)}`);
  }
  const accepted = headers.some((header) => {
    const colon = header.indexOf(":");
    const name = header.slice(0, colon).toLowerCase();
    return name === "sec-websocket-accept" && header.slice(colon + 1).trim() === accept;
  });
  if (!accepted) throw new Error("the server's answer does not accept this handshake's key");
  return end + 4;
}

/**
 * Builds the masked frame that a client sends, from a text of at most 125 bytes or the payload of a control
 * frame.
 */
export function frameOfClient(opcode: number, payload: Uint8Array): Buffer {
  if (payload.length > 125) throw new Error("the generator sends frames of at most 125 bytes only");
  const mask = randomBytes(4);
  const frame = Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length]), mask, payload]);
  for (let index = 0; index < payload.length; index++) {
    frame[6 + index] = (frame[6 + index] ?? 0) ^ (mask[index & 3] ?? 0);
  }
  return frame;
}
