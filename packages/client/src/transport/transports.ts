import { MilepostError } from "@milepost/protocol";
import type { ClientOptions } from "../client.ts";
import { lazyTransport } from "./lazy-transport.ts";
import { type Transport, type TransportName, transportNames } from "./transport.ts";
import { webSocketOf } from "./websocket-transport.ts";

/** The transports that were asked for, as far as there are any here; `not_supported` when none is. */
export function transportsOf(options: ClientOptions): [Transport, ...Transport[]] {
  const names = options.transports ?? transportNames;
  const [first, ...others] = names.flatMap((name) => transportOf(name, options) ?? []);
  if (first !== undefined) return [first, ...others];
  throw new MilepostError(
    "not_supported",
    `none of the transports (${names.join(", ")}) can be had here; pass \`webSocket\`, in Node 20 that of the package ws, or \`fetch\``,
  );
}

function transportOf(name: TransportName, options: ClientOptions): Transport | undefined {
  // Looked up late, so that what a page or a test replaces is what is used.
  const fetch = options.fetch ?? (globalThis.fetch && ((url, init) => globalThis.fetch(url, init)));
  switch (name) {
    case "websocket":
      return webSocketOf(options);
    case "sse":
      return (
        fetch &&
        lazyTransport(name, async () => (await import("./sse-transport.ts")).sseTransport(fetch))
      );
    case "poll":
      return (
        fetch &&
        lazyTransport(name, async () => (await import("./poll-transport.ts")).pollTransport(fetch))
      );
  }
}
