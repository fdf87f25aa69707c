import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Collection } from "./collections.ts";
import { type GatewayClient, pause } from "./gateway-client.ts";

const texts = /\.(md|ts|js|lua|json)$/;

/** Order to index a collection, by whom and under which id. */
export interface IndexOrder {
  readonly operationId: string;
  /** User who asked for it; undefined if nobody did. */
  readonly user: string | undefined;
}

/** Part of an answer to a create that the work needs. */
interface Created {
  readonly lease: { readonly token: string };
}

/**
 * Indexes a collection and reports on it. Everything that it reports has a key, so a report that was repeated, because a
 * node died in the middle of it, counts once.
 */
export async function indexCollection(
  gateway: GatewayClient,
  { id, title, folder }: Collection,
  { operationId, user }: IndexOrder,
  paceMs: number,
): Promise<void> {
  const created = {
    operation_id: operationId,
    kind: "index",
    title: `Index ${title}`,
    collection_id: id,
    ...(user === undefined ? {} : { user_id: user }),
    steps: [{ id: "scan" }, { id: "read", weight: 8 }, { id: "store" }],
  };
  const { status, body } = await gateway.call("POST", "/v1/operations", created);
  if (status >= 300) throw new Error(`the gateway refused ${operationId}: ${JSON.stringify(body)}`);
  const { lease } = body as Created;
  let number = 0;
  const report = async (event: string, data: object) => {
    const key = `${operationId}-${++number}`;
    const answer = await gateway.call("POST", `/v1/operations/${operationId}/events`, {
      lease: lease.token,
      events: [{ event, data, key }],
    });
    if (answer.status >= 300)
      throw new Error(`a report was refused: ${JSON.stringify(answer.body)}`);
    // The design's channel for one user's operation, beside the operation's own.
    if (user !== undefined)
      await publish(`user:${user}:operation:${operationId}`, event, data, key);
  };
  const publish = (channel: string, event: string, data: object, key: string) =>
    gateway.call("POST", "/v1/publish", { channel, event, data, key });

  if (user !== undefined) {
    await publish(`user:${user}:operation:${operationId}`, "created", created, `${operationId}-0`);
  }
  await report("started", {});
  await report("step", { id: "scan", message: "Looking for documents" });
  const names = await readdir(folder, { recursive: true });
  const files = names.filter((name) => texts.test(name)).sort();
  await report("step", { id: "scan", status: "done", message: `${files.length} documents` });

  const index = new Map<string, number>();
  for (const [n, name] of files.entries()) {
    const text = await readFile(join(folder, name), "utf8");
    for (const word of text.toLowerCase().match(/[a-z]{3,}/g) ?? []) {
      index.set(word, (index.get(word) ?? 0) + 1);
    }
    const done = n + 1;
    const isLast = done === files.length;
    if (done % Math.ceil(files.length / 20) === 0 || isLast) {
      const counter = { done, total: files.length, unit: "documents" };
      await report("step", {
        id: "read",
        ...counter,
        message: relative(folder, join(folder, name)),
      });
    }
    await pause(paceMs);
  }
  await report("step", { id: "read", status: "done" });
  await report("step", { id: "store", message: `${index.size} words` });
  const words = [...index]
    .sort(([, a], [, b]) => b - a)
    .slice(0, 5)
    .map(([word]) => word);
  await publish(
    `collection:${id}:documents`,
    "indexed",
    { documents: files.length, words: index.size, frequent: words },
    `${operationId}-indexed`,
  );
  await report("step", { id: "store", status: "done" });
  await report("done", { result: { documents: files.length, words: index.size } });
}
