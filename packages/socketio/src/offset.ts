import { type Cursor, parseCursor } from "@milepost/protocol";

/**
 * Place of a client: its connection to the gateway, and its position in every channel. The bridge appends it to each
 * event as the last argument, where `socket.io-client` looks for it, and the client sends it when it reconnects.
 */
export interface Offset {
  readonly connection: string;
  readonly cursor: Cursor;
  /** Name with which a page without a token has joined as a guest. */
  readonly guest?: string;
}

const form = /^([A-Za-z0-9_.~-]{1,64});([^;]{1,32768})(?:;([A-Za-z0-9_-]{1,1400}))?$/;

/** Formats an offset as text. */
export function formatOffset(connection: string, cursor: string, guest?: string): string {
  const name = guest === undefined ? "" : `;${Buffer.from(guest).toString("base64url")}`;
  return `${connection};${cursor}${name}`;
}

/** Parses the text that {@link formatOffset} made; undefined for anything else. */
export function parseOffset(text: unknown): Offset | undefined {
  const [, connection = "", rest, name] = (typeof text === "string" && form.exec(text)) || [];
  const cursor = parseCursor(rest);
  if (!cursor.ok) return undefined;
  const guest = name === undefined ? {} : { guest: Buffer.from(name, "base64url").toString() };
  return { connection, cursor: cursor.value, ...guest };
}
