/** Version of the protocol, as a welcome message names it. */
export const protocolVersion = "1";

/** Name of a dialect, which decides how the messages on a connection are encoded. */
export type DialectName = "plain" | SdkDialectName;

/** Names of the SDK's dialects. Each is also the name of its WebSocket subprotocol. */
export type SdkDialectName = "milepost.v1.json" | "milepost.v1.msgpack";

/** Names of the dialects whose messages are text. Every transport can carry text. */
export type TextDialectName = Exclude<DialectName, "milepost.v1.msgpack">;

/** Name of the WebSocket subprotocol for the SDK's JSON dialect. */
export const jsonSubprotocol = "milepost.v1.json";

/**
 * Name of the WebSocket subprotocol for the SDK's msgpack dialect. It has the same messages as the JSON
 * dialect.
 */
export const msgpackSubprotocol = "milepost.v1.msgpack";

/**
 * End of the name of a subprotocol that has the messages of the dialect before it, with publications in the short form:
 * `milepost.v1.json.short`.
 */
export const shortSuffix = ".short";

/** Prefix of the subprotocol that carries the token of a client that cannot set headers. */
export const tokenSubprotocolPrefix = "milepost.token.";
