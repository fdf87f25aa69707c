import { randomBytes } from "node:crypto";
import { createGateway, memoryEngine } from "@milepost/server";
import type { Target } from "./target.ts";

/** Settings for the way in which readers use the gateway. */
export interface MilepostUse {
  readonly dialect: "plain" | "milepost.v1.json";
  /**
   * Channels of the readers: one for all readers, one for each, or those of a client that asks for none: everyone's, its
   * user's, its session's and its connection's.
   */
  readonly channels: "shared" | "own" | "personal";
  /**
   * Metrics of the gateway: kept, as by default; `none`; or `scraped`, read as text every second, which also observes the
   * event loop and garbage collection.
   */
  readonly metrics?: "none" | "scraped";
}

const scrapeMs = 1_000;

const paths = {
  shared: "/ws?channels=bench:shared",
  own: "/ws?channels=bench:own:{i}",
  personal: "/ws",
} as const satisfies Record<MilepostUse["channels"], string>;
const keptCursors = 200;

/**
 * Starts a gateway as a program would embed it: with the memory engine and a verified token for every reader.
 * Each publication is checked, stored in the channel's log, and kept for resume.
 */
export async function startMilepost({ dialect, channels, metrics }: MilepostUse): Promise<Target> {
  const sharedChannel = channels === "personal" ? "broadcast" : "bench:shared";
  const tokenSecret = randomBytes(32).toString("base64url");
  const gateway = createGateway({
    engine: memoryEngine(),
    auth: { tokenSecret },
    limits: { maxConnections: 20_000 },
    ...(metrics === "none" && { metrics: false }),
  });
  const scraping =
    metrics === "scraped" ? setInterval(() => void gateway.metrics(), scrapeMs) : undefined;
  const { port } = await gateway.listen({ port: 0, host: "127.0.0.1" });
  let cursors: { readonly seq: number; readonly cursor: string }[] = [];
  let refusal: unknown;
  const onRefused = (error: unknown) => {
    refusal ??= error;
  };
  return {
    plan: {
      port,
      path: paths[channels],
      tokenSecret,
      readyMark: '"subscribed"',
      ...(dialect === "plain" ? {} : { subprotocol: dialect }),
    },
    publish(payloads) {
      if (refusal !== undefined) throw refusal;
      for (const payload of payloads) {
        gateway.publish(sharedChannel, "progress", payload).then(({ position }) => {
          cursors.push({ seq: Number(payload.seq), cursor: `${sharedChannel}@${position}` });
          if (cursors.length > 2 * keptCursors) cursors = cursors.slice(-keptCursors);
        }, onRefused);
      }
    },
    cursors: () => cursors.slice(-keptCursors),
    close() {
      clearInterval(scraping);
      return gateway.close();
    },
  };
}
