/** The data of one publication; as JSON it is exactly {@link payloadBytes} long. */
export interface Payload {
  /** Counts the publications of one server from 0, ten digits. */
  readonly seq: string;
  /** When it should have been sent, in microseconds of the monotonic clock, sixteen digits. */
  readonly at: string;
  readonly pad: string;
}

/** Length of a payload's JSON. */
export const payloadBytes = 136;

/** What a payload's JSON begins with, wherever a dialect puts it. */
export const payloadMark = '{"seq":"';

/** Where the digits of `seq` and of `at` stand, from the start of the payload. */
export const seqOffset = payloadMark.length;
export const seqDigits = 10;
export const atOffset = seqOffset + seqDigits + '","at":"'.length;
export const atDigits = 16;

const pad = "x".repeat(payloadBytes - atOffset - atDigits - '","pad":""}'.length);

/** Makes the payload of publication `seq`, due at `atUs`. */
export function makePayload(seq: number, atUs: number): Payload {
  return {
    seq: String(seq).padStart(seqDigits, "0"),
    at: String(atUs).padStart(atDigits, "0"),
    pad,
  };
}
