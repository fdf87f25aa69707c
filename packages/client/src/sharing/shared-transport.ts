import type { Transport } from "../transport/transport.ts";
import {
  SharedConnection,
  type SharedMemory,
  type SharedTransportParts,
} from "./shared-connection.ts";

/** Returns a transport whose connections are shared by the tabs of one origin, gateway address and authority. */
export function sharedTransport(parts: SharedTransportParts): Transport {
  const memory: SharedMemory = { isAlone: !parts.share, followed: false };
  return {
    name: parts.inner.name,
    open: (attempt, events) => new SharedConnection(parts, memory, attempt, events),
  };
}
