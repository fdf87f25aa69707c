/** Fewest bytes of a payload: its number and its moment need them. */
export const minPayloadBytes = 64;
/** Most bytes of a payload. */
export const maxPayloadBytes = 65_536;

const mark = '{"load":"';
const markBytes = Buffer.from(mark);
const seqDigits = 10;
const atDigits = 16;
const seqOffset = mark.length;
const atOffset = seqOffset + seqDigits + 1;

/** Returns the JSON of publication `seq` of a channel, due at `atUs`, exactly `bytes` long. */
export function makePayload(seq: number, atUs: number, bytes: number): string {
  const head = `${mark}${String(seq).padStart(seqDigits, "0")}.${String(atUs).padStart(atDigits, "0")}","pad":"`;
  return `${head}${"x".repeat(bytes - head.length - 2)}"}`;
}

/** Receives the content of a payload: its number in the channel and the moment it was due, in microseconds. */
export type OnPayload = (seq: number, atUs: number) => void;

/**
 * Finds every payload in a message of a server, of any dialect; `bytes` is the length of one.
 *
 * It searches the bytes instead of parsing JSON, so that one generator reads many times more than a browser could.
 */
export function scanPayloads(
  message: Buffer,
  start: number,
  end: number,
  bytes: number,
  onPayload: OnPayload,
): void {
  let from = start;
  while (end - from >= bytes) {
    const at = message.indexOf(markBytes, from);
    if (at < 0 || at + bytes > end) return;
    onPayload(digits(message, at + seqOffset, seqDigits), digits(message, at + atOffset, atDigits));
    from = at + bytes;
  }
}

function digits(bytes: Buffer, at: number, count: number): number {
  let value = 0;
  for (let index = at; index < at + count; index++) value = value * 10 + (bytes[index] ?? 0) - 48;
  return value;
}
