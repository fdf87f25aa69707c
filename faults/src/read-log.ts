import { setTimeout as pause } from "node:timers/promises";
import { hashOf } from "@milepost/checker/recording";
import { secrets } from "./processes/gateway.ts";
import type { Log } from "./store-history.ts";

/** Reads a whole log from the gateway's history. `gateway` is the URL of a node or of a balancer. */
export async function readLog(gateway: string, channel: string): Promise<Log> {
  let entries: { position: string; event: string; hash: string }[] = [];
  let since = "start";
  for (;;) {
    const query = new URLSearchParams({ since, limit: "1000" });
    const url = `${gateway}/v1/channels/${channel}/history?${query}`;
    const response = await fetch(url, { headers: { authorization: `Bearer ${secrets.apiKey}` } });
    if (!response.ok) {
      await pause(200);
      continue;
    }
    const page = (await response.json()) as {
      readonly position: string;
      readonly stale?: true;
      readonly entries: readonly { position: string; event: string; data: unknown }[];
    };
    // The node answers from its memory, because it has not reached its store again. Its log may be another one.
    if (page.stale === true) {
      await pause(200);
      entries = [];
      since = "start";
      continue;
    }
    for (const { position, event, data } of page.entries) {
      entries.push({ position, event, hash: hashOf(JSON.stringify(data)) });
    }
    since = page.position;
    if (page.entries.length === 0) return { channel, head: page.position, entries };
  }
}
