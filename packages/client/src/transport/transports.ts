import { MilepostError } from "@milepost/protocol";
import type { ClientOptions } from "../client.ts";
import { lazyCode } from "../runtime/lazy-code.ts";
import { lazyTransport } from "./lazy-transport.ts";
import { isBrowser } from "./sdk.ts";
import { type Transport, type TransportName, transportNames } from "./transport.ts";
import type { TransportUpgrade, Upgrade } from "./transport-upgrade.ts";
import { webSocketOf } from "./websocket-transport.ts";

/** Returns the requested transports that are available here; throws `not_supported` when there is none. */
export function transportsOf(options: ClientOptions): [Transport, ...Transport[]] {
  const names = options.transports ?? transportNames;
  const [first, ...others] = names.flatMap((name) => transportOf(name, options) ?? []);
  if (first !== undefined) return [first, ...others];
  throw new MilepostError(
    "not_supported",
    `none of the transports (${names.join(", ")}) is available here; pass \`webSocket\` (in Node 20 from the package ws) or \`fetch\``,
  );
}

function transportOf(name: TransportName, options: ClientOptions): Transport | undefined {
  // The global fetch is looked up at each call, so that a replacement by a page or a test takes effect.
  const fetch = options.fetch ?? (globalThis.fetch && ((url, init) => globalThis.fetch(url, init)));
  switch (name) {
    case "websocket": {
      const webSocket = webSocketOf(options);
      const isShared = options.share === true && options.ticket === undefined;
      if (!isShared || !webSocket || !fetch || !isBrowser()) return webSocket;
      return lazyTransport(name, async () =>
        (await httpTransports.load()).shared(webSocket, fetch, options),
      );
    }
    case "sse":
    case "poll":
      return (
        fetch &&
        lazyTransport(name, async () =>
          (await httpTransports.load()).httpTransport(name, fetch, options),
        )
      );
  }
}

/** Code of the fallback transports. */
const httpTransports = lazyCode(() => import("./http-transports.ts"));

/** Creates the return to a better transport; undefined, and a load of its code, while that is not loaded. */
export function createUpgrade(
  ...parts: ConstructorParameters<typeof TransportUpgrade>
): Upgrade | undefined {
  const { loaded } = httpTransports;
  if (loaded === undefined) httpTransports.load().catch(() => {});
  return loaded && new loaded.TransportUpgrade(...parts);
}
