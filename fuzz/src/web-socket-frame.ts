import { deflateRawSync } from "node:zlib";
import type { Random } from "./random.ts";

const mask = Buffer.from([0x5a, 0xa5, 0x3c, 0xc3]);

/** Opcodes of RFC 6455. */
export const opcodes = { text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;

/** Returns a masked client frame whose first byte is given as it is. */
export function frameOf(firstByte: number, payload: Buffer): Buffer {
  const { length } = payload;
  const size =
    length < 126
      ? Buffer.from([0x80 | length])
      : length < 65_536
        ? Buffer.from([0x80 | 126, length >> 8, length & 0xff])
        : Buffer.from([
            0x80 | 127,
            0,
            0,
            0,
            0,
            length >>> 24,
            (length >> 16) & 0xff,
            (length >> 8) & 0xff,
            length & 0xff,
          ]);
  const masked = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) masked[at] = (payload[at] ?? 0) ^ (mask[at & 3] ?? 0);
  return Buffer.concat([Buffer.from([firstByte]), size, mask, masked]);
}

/** Returns a whole message as valid frames: one, compressed, or in fragments with pings and empty ones in between. */
export function validFrames(
  opcode: number,
  payload: Buffer,
  random: Random,
  deflates: boolean,
): Buffer {
  if (deflates && random.chance(0.5)) {
    return frameOf(0xc0 | opcode, deflateRawSync(payload, { finishFlush: 2 }).subarray(0, -4));
  }
  if (random.chance(0.85)) return frameOf(0x80 | opcode, payload);
  const frames: Buffer[] = [];
  const size = payload.length < 64 && random.chance(0.5) ? 1 : 1 + random.below(payload.length + 1);
  for (let at = 0; at < payload.length; at += size) {
    frames.push(frameOf(at === 0 ? opcode : 0, payload.subarray(at, at + size)));
    if (random.chance(0.1))
      frames.push(frameOf(0x80 | opcodes.ping, random.bytes(random.below(126))));
    if (random.chance(0.1)) frames.push(frameOf(0, Buffer.alloc(0)));
  }
  if (frames.length === 0) frames.push(frameOf(opcode, Buffer.alloc(0)));
  return Buffer.concat([...frames, frameOf(0x80, Buffer.alloc(0))]);
}

/** Returns bytes that break the WebSocket protocol, or that end before a frame does. */
export function brokenFrames(random: Random): Buffer {
  const some = random.bytes(random.below(40));
  switch (random.below(16)) {
    case 0:
      return frameOf(0xb1, some);
    case 1:
      return frameOf(0xf1, some);
    case 2:
      return frameOf(0x80 | random.pick([3, 4, 7, 11, 15]), some);
    case 3:
      return Buffer.concat([Buffer.from([0x81, some.length & 0x7f]), some]);
    case 4:
      return frameOf(0x89, random.bytes(126));
    case 5:
      return frameOf(0x09, some);
    case 6:
      return frameOf(0x80, some);
    case 7:
      return Buffer.concat([frameOf(0x01, some), frameOf(0x81, some)]);
    case 8:
      return Buffer.from([0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ...mask]);
    case 9:
      return Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, ...mask]);
    case 10:
      return frameOf(
        0x88,
        Buffer.from(random.pick([[3], [0, 0], [3, 237], [19, 136], [3, 231, 0xc3, 0x28]])),
      );
    case 11:
      return frameOf(
        0x81,
        Buffer.from(random.pick([[0xc3, 0x28], [0xff], [0xed, 0xa0, 0x80], [0xf8]])),
      );
    case 12:
      return frameOf(0xc1, random.bytes(50));
    case 13:
      return frameOf(0x81, Buffer.from('{"type":"ping"}')).subarray(0, 1 + random.below(12));
    case 14:
      return frameOf(0xc1, deflateRawSync(Buffer.alloc(4_000_000, 0x20)));
    default:
      return random.bytes(1 + random.below(200));
  }
}
