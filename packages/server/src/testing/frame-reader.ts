import * as ws from "ws";

interface FrameReceiver {
  on(event: "message", listener: (data: Buffer, isBinary: boolean) => void): void;
  write(bytes: Uint8Array): void;
}

// ws exports Receiver, but its types do not.
const { Receiver } = ws as unknown as { Receiver: new () => FrameReceiver };

/**
 * Returns the text messages that the Receiver of ws reads from the bytes, passed to it in pieces of
 * `pieceBytes`.
 */
export function readFrames(bytes: Uint8Array, pieceBytes = bytes.byteLength): string[] {
  const receiver = new Receiver();
  const texts: string[] = [];
  receiver.on("message", (data, isBinary) => {
    if (isBinary) throw new Error("received a binary frame; expected text frames only");
    texts.push(data.toString());
  });
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) {
    receiver.write(bytes.subarray(at, at + pieceBytes));
  }
  return texts;
}
