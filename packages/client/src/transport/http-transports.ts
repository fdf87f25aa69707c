/**
 * Transports over HTTP, for networks that block WebSockets. They are loaded together on demand, because a page
 * that needs one often needs the other.
 */
export { pollTransport } from "./poll-transport.ts";
export { sseTransport } from "./sse-transport.ts";
