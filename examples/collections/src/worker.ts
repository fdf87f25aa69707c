import { collectionOf } from "./collections.ts";
import { GatewayClient, pause } from "./gateway-client.ts";
import { indexCollection } from "./index-collection.ts";

/**
 * A worker process. It knows the gateway by HTTP alone and uses only the standard library, so that it could be written in
 * any language. It indexes its collections once, and again whenever somebody asks for it in the channel `jobs:{collection}`.
 */
const { GATEWAY_URL = "", MILEPOST_API_KEY = "", COLLECTIONS = "", PACE_MS = "40" } = process.env;
const gateway = new GatewayClient(GATEWAY_URL, MILEPOST_API_KEY);
const paceMs = Number(PACE_MS);

interface Order {
  readonly channel: string;
  readonly data: { readonly operation_id: string; readonly user?: string };
}

async function work(collectionId: string, operationId: string, user?: string): Promise<void> {
  const collection = collectionOf(collectionId);
  if (collection === undefined) return;
  try {
    await indexCollection(gateway, collection, { operationId, user }, paceMs);
  } catch (error) {
    console.error(`worker: ${String(error)}`);
  }
}

const mine = COLLECTIONS.split(",");
const orders: Order[] = [];

/** Reads the orders so far, and returns the position after them. */
async function read(id: string): Promise<string> {
  const path = `/v1/channels/jobs:${id}/history?since=start&limit=1000`;
  const { body } = await gateway.call("GET", path);
  for (const { data } of body.entries) {
    // What an earlier worker has ended is not done again. What it began and left, this one goes on with.
    const { body: known } = await gateway.call("GET", `/v1/operations/${data.operation_id}`);
    if (known?.operation?.ended_at === undefined) orders.push({ channel: `jobs:${id}`, data });
  }
  return body.position;
}

let cursor = (await Promise.all(mine.map(async (id) => `jobs:${id}@${await read(id)}`))).join(",");
for (const id of mine) await work(id, `${id}-${Date.now().toString(36)}`);

for (;;) {
  for (const { channel, data } of orders.splice(0)) {
    await work(channel.slice("jobs:".length), data.operation_id, data.user);
  }
  const { status, body } = await gateway.call(
    "GET",
    `/v1/poll?since=${encodeURIComponent(cursor)}`,
  );
  if (status === 200) {
    cursor = body.cursor;
    orders.push(...(body.events as Order[]).filter(({ data }) => data?.operation_id));
  } else if (status !== 204) await pause(1_000);
}
