export * from "./presence-reader.ts";
export * from "./recording-meter.ts";
export * from "./recording-sender.ts";
export * from "./test-core.ts";
export * from "./test-encoder.ts";
export * from "./test-socket.ts";
