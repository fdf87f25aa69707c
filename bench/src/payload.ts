/** Data of one publication; its JSON is exactly {@link payloadBytes} long. */
export interface Payload {
  /** Number of the publication, ten digits; each server counts from 0. */
  readonly seq: string;
  /** Moment at which the publication was due, in microseconds of the monotonic clock, sixteen digits. */
  readonly at: string;
  readonly pad: string;
}

/** Length of a payload's JSON, in bytes. */
export const payloadBytes = 136;

/** Text that the JSON of every payload begins with, in every dialect. */
export const payloadMark = '{"seq":"';

/** Offset of the digits of `seq` from the start of the payload; `atOffset` is that of `at`. */
export const seqOffset = payloadMark.length;
export const seqDigits = 10;
export const atOffset = seqOffset + seqDigits + '","at":"'.length;
export const atDigits = 16;

const pad = "x".repeat(payloadBytes - atOffset - atDigits - '","pad":""}'.length);

/** Creates the payload of publication `seq`, due at `atUs`. */
export function makePayload(seq: number, atUs: number): Payload {
  return {
    seq: String(seq).padStart(seqDigits, "0"),
    at: String(atUs).padStart(atDigits, "0"),
    pad,
  };
}
