import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import type { Gateway } from "@milepost/server";

/** Page with the built client as `sdk`, served together with a gateway; disposing ends its server. */
export interface ClientPage extends AsyncDisposable {
  readonly url: string;
}

const packages = fileURLToPath(new URL("../../../packages", import.meta.url));
const imports = Object.fromEntries(
  ["client", "model", "protocol"].map((name) => [`@milepost/${name}`, `/modules/${name}/index.js`]),
);
const page = `<!doctype html><title>client</title><script type="importmap">${JSON.stringify({ imports })}</script><script type="module">globalThis.sdk = await import("@milepost/client");</script>`;

/** Serves the page, the modules of the client as they were built, and the gateway, on a free port of loopback. */
export async function serveClientPage(gateway: Gateway): Promise<ClientPage> {
  const server = createServer(async (request, response) => {
    const module = /^\/modules\/([a-z]+)\/([a-z0-9/-]+\.js)$/.exec(request.url ?? "");
    if (module === null) {
      response.setHeader("Content-Type", "text/html").end(page);
      return;
    }
    const file = `${packages}/${module[1]}/dist/${module[2]}`;
    const code = await readFile(file).catch(() => undefined);
    response.statusCode = code === undefined ? 404 : 200;
    response.setHeader("Content-Type", "text/javascript").end(code);
  });
  gateway.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the page has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
