export { frameText } from "./frame.ts";
export { FrameReader, type OnFrame, opcodes } from "./frame-reader.ts";
export {
  acceptOf,
  frameOfClient,
  type Handshake,
  type HandshakeRequest,
  makeHandshake,
  readAnswer,
} from "./handshake.ts";
export { HttpConnection, type OnAnswer, publishRequest } from "./http-connection.ts";
