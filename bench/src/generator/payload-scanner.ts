import { atDigits, atOffset, payloadBytes, payloadMark, seqDigits, seqOffset } from "../payload.ts";

/** Receives the content of a payload: its number and the moment it was due, in microseconds. */
export type OnPayload = (seq: number, atUs: number) => void;

const mark = Buffer.from(payloadMark);

/**
 * Finds the payloads, one or many, in a message of any dialect.
 *
 * A message without a payload is no delivery. Payloads of one dialect stand at nearly the same distances every
 * time. The scanner therefore tries the last offset first and rarely has to search.
 */
export class PayloadScanner {
  readonly #onPayload: OnPayload;
  #firstAt = 0;
  #stride = payloadBytes;

  constructor(onPayload: OnPayload) {
    this.#onPayload = onPayload;
  }

  scan(bytes: Buffer, start: number, end: number): void {
    let from = start;
    let guess = start + this.#firstAt;
    while (end - from >= payloadBytes) {
      const found = startsAt(bytes, guess, end) ? guess : bytes.indexOf(mark, from);
      if (found < 0 || found + payloadBytes > end) return;
      if (from === start) this.#firstAt = found - start;
      else this.#stride = found + payloadBytes - from;
      this.#onPayload(
        digits(bytes, found + seqOffset, seqDigits),
        digits(bytes, found + atOffset, atDigits),
      );
      from = found + payloadBytes;
      guess = found + this.#stride;
    }
  }
}

function startsAt(bytes: Buffer, at: number, end: number): boolean {
  if (at + payloadBytes > end) return false;
  for (let index = 0; index < mark.length; index++) {
    if (bytes[at + index] !== mark[index]) return false;
  }
  return true;
}

function digits(bytes: Buffer, at: number, count: number): number {
  let value = 0;
  for (let index = at; index < at + count; index++) value = value * 10 + (bytes[index] ?? 0) - 48;
  return value;
}
