import type { ConsumerKind } from "@milepost/engine";

/**
 * Returns the kind of a consumer that connected through `door` and named its SDK `sdk` (`browser/0.1.0`,
 * `server/0.1.0`).
 *
 * With any other SDK name the kind is the door: a client cannot create a kind of its own.
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
