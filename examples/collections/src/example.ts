import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { Backend } from "./backend.ts";
import { Balancer } from "./balancer.ts";
import { Children } from "./children.ts";
import { collections } from "./collections.ts";
import { GatewayClient } from "./gateway-client.ts";
import { type GatewayNode, GatewayNodes } from "./gateway-nodes.ts";
import { startRedis } from "./redis-process.ts";
import type { Settings } from "./settings.ts";

const worker = fileURLToPath(new URL("worker.js", import.meta.url));

/** Running example. */
export interface Example {
  readonly url: string;
  /** Words for the store that the nodes share. */
  readonly store: string;
  readonly nodes: readonly GatewayNode[];
  close(): Promise<void>;
}

/** Starts Redis, the gateway's nodes, the workers, and the backend with the page in front of them. */
export async function startExample(settings: Settings): Promise<Example> {
  const children = new Children();
  const own =
    settings.redisUrl === undefined ? await startRedis(children, settings.redisServer) : undefined;
  const redis = settings.redisUrl ?? own?.url;
  const secrets = {
    tokenSecret: settings.tokenSecret ?? randomBytes(32).toString("base64url"),
    apiKey: settings.apiKey ?? randomBytes(32).toString("base64url"),
  };
  const nodes: GatewayNodes = new GatewayNodes(children, { redis, ...secrets }, (node) =>
    announce(node),
  );
  const balancer = new Balancer(() => nodes.all);
  const server = createServer((request, response) => {
    backend
      .answer(request, response)
      .then((isAnswered) => {
        if (!isAnswered) balancer.forward(request, response);
      })
      .catch((error) => {
        console.error(error);
        response.destroy();
      });
  });
  server.on("upgrade", (request, socket, head) => balancer.upgrade(request, socket, head));
  server.listen(settings.port, settings.host);
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : settings.port;
  const url = `http://${settings.host}:${port}`;
  const gateway = new GatewayClient(url, secrets.apiKey);
  const backend = new Backend({ gateway, nodes, tokenSecret: secrets.tokenSecret });

  /** Tells everybody that a node has come or gone, once each. */
  function announce({ name, isUp }: GatewayNode): void {
    const key = `${name}-${isUp}-${Date.now()}`;
    const data = { node: name, is_up: isUp, nodes: nodes.all.filter((node) => node.isUp).length };
    void gateway.call("POST", "/v1/publish", { channel: "system:nodes", event: "node", data, key });
  }

  // Without a shared store, each node would know only what was published to itself.
  await nodes.start(redis === undefined ? 1 : settings.nodes);
  for (let n = 0; n < settings.workers; n++) {
    const mine = collections.filter((_, i) => i % settings.workers === n).map(({ id }) => id);
    if (mine.length === 0) continue;
    await children.start(process.execPath, [worker], {
      env: {
        ...process.env,
        GATEWAY_URL: url,
        MILEPOST_API_KEY: secrets.apiKey,
        COLLECTIONS: mine.join(","),
        PACE_MS: String(settings.paceMs),
      },
      stdio: ["ignore", "inherit", "inherit"],
    });
  }
  return {
    url,
    store:
      redis === undefined
        ? "memory, since there is no redis-server here"
        : redis.replace(/\/\/[^@/]*@/, "//"),
    nodes: nodes.all,
    async close() {
      nodes.close();
      server.closeAllConnections();
      server.close();
      await children.end();
      await own?.forget();
    },
  };
}
