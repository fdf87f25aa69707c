import * as ws from "ws";

interface FrameReceiver {
  on(event: "message", listener: (data: Buffer, isBinary: boolean) => void): void;
  write(bytes: Uint8Array): void;
}

// Part of ws, but not of its types.
const { Receiver } = ws as unknown as { Receiver: new () => FrameReceiver };

/** The texts a conforming receiver reads out of bytes that come in pieces. */
export function readFrames(bytes: Uint8Array, pieceBytes = bytes.byteLength): string[] {
  const receiver = new Receiver();
  const texts: string[] = [];
  receiver.on("message", (data, isBinary) => {
    if (isBinary) throw new Error("a binary frame");
    texts.push(data.toString());
  });
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) {
    receiver.write(bytes.subarray(at, at + pieceBytes));
  }
  return texts;
}
