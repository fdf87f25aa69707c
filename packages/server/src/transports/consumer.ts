import type { ConsumerKind } from "@milepost/engine";

/**
 * The kind of a consumer that came through `door` and named itself `sdk` (`browser/0.1.0`, `server/0.1.0`). What is neither
 * goes by its door: nothing that a client says becomes a kind of its own.
 */
export function consumerOf(
  sdk: string | null | undefined,
  door: Extract<ConsumerKind, "websocket" | "sse" | "poll">,
): ConsumerKind {
  const [, kind] = sdkName.exec(sdk ?? "") ?? [];
  if (kind === "browser") return "browser_sdk";
  return kind === "server" ? "server_sdk" : door;
}

const sdkName = /^(browser|server)\/\d{1,4}\.\d{1,4}\.\d{1,4}$/;
