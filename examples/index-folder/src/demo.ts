import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createProducer } from "@milepost/producer";
import { MilepostError } from "@milepost/protocol";
import { createGateway, memoryEngine } from "@milepost/server";
import { sqliteEngine } from "@milepost/sqlite";
import { createDemoApi, type DemoInput } from "./demo-api.ts";
import { answerProblem } from "./http-answer.ts";
import { type IndexResult, indexFolder } from "./index-job.ts";
import { indexSteps } from "./index-steps.ts";
import { IndexStore } from "./index-store.ts";
import { type Notify, withNews } from "./job-news.ts";
import { isOwnHost } from "./same-origin.ts";
import type { Settings } from "./settings.ts";
import { serveFile } from "./static-files.ts";
import { Visitors } from "./visitors.ts";

/** Folders of the two pages' files. */
export interface Pages {
  /** Folder of the page that Vite has built. */
  readonly built: string;
  /** Folder of the page that needs no build. */
  readonly plain: string;
}

/** Running demo. */
export interface Demo extends AsyncDisposable {
  readonly url: string;
  /** Folder for the indexes; `close` removes it unless it is in the folder of the data. */
  readonly indexFolder: string;
  /** Ends the jobs, closes the clients' connections, and removes indexes that are not kept. */
  close(): Promise<void>;
}

const drainMs = 500;

/**
 * Starts the whole demo in this process: the gateway, a worker that runs one job at a time, the demo's
 * endpoints and its pages, all on one port. Rejects as `listen` does when the port cannot be used.
 */
export async function startDemo(settings: Settings, pages: Pages): Promise<Demo> {
  const { root, tokenSecret, data } = settings;
  const isKept = data !== undefined;
  const folder = isKept ? join(data, "indexes") : await mkdtemp(join(tmpdir(), "milepost-index-"));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  if (!isKept) process.once("exit", removeFolder);

  const onFault = (thrown: unknown) => console.error("demo:", thrown);
  const gateway = createGateway({
    engine: isKept ? sqliteEngine({ folder: data }) : memoryEngine(),
    auth: { tokenSecret, apiKeys: [{ name: "demo", key: settings.apiKey }] },
  });
  const producer = createProducer({ gateway: gateway.operations, producerId: "index-folder" });
  const store = new IndexStore(folder);
  const worker = producer.worker<DemoInput, IndexResult>({
    kind: "index-folder",
    title: ({ shown }) => titleOf(root, shown),
    steps: indexSteps,
    shownInput: ({ shown, pace }) => ({ path: shown, pace }),
    // Every failure may be retried, because the owner of the folder may have removed its cause.
    retryable: true,
    run: (op, input) => {
      const notify: Notify = (news) => {
        const { user } = input;
        const notification = { id: `${op.id}-${op.attempt}`, ...news };
        gateway.publish(`user:${user}`, "notification", notification).catch(onFault);
      };
      return withNews(op, titleOf(root, input.shown), notify, () => indexFolder(op, input, store));
    },
  });
  const api = createDemoApi({
    gateway,
    visitors: new Visitors(tokenSecret),
    worker,
    store,
    root,
    defaultPath: ".",
    onFault,
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { host } = request.headers;
    if (host === undefined || !isOwnHost(host, settings.allowedHosts)) {
      const message = "this host name is not one of the demo's; add it to MILEPOST_DEMO_HOSTS";
      return answerProblem(response, new MilepostError("forbidden", message));
    }
    const target = `http://${host}${request.url ?? "/"}`;
    if (!URL.canParse(target)) {
      return answerProblem(
        response,
        new MilepostError("bad_message", "the address of the request cannot be parsed"),
      );
    }
    const url = new URL(target);
    if (url.pathname.startsWith("/demo/")) return api(request, response, url);
    await page(request, response, url.pathname, host);
  }

  async function page(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    host: string,
  ): Promise<void> {
    if (path === "/plain") return void response.writeHead(308, { location: "/plain/" }).end();
    const isPlain = path.startsWith("/plain/");
    const [files, rest] = isPlain ? [pages.plain, path.slice(7)] : [pages.built, path.slice(1)];
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (isRead && (await serveFile(files, rest, host, request, response))) return;
    const message =
      path === "/" ? "the page is not built; run: npm run build" : `there is nothing at ${path}`;
    answerProblem(response, new MilepostError("not_found", message));
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((thrown: unknown) => {
      console.error("demo:", thrown);
      response.destroy();
    });
  });
  gateway.attach(server);

  const end = async () => {
    await producer.close();
    await gateway.close({ drainMs });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    if (!isKept) await rm(folder, { recursive: true, force: true });
    process.removeListener("exit", removeFolder);
  };
  let ended: Promise<void> | undefined;
  const close = () => {
    ended ??= end();
    return ended;
  };

  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(settings.port, settings.host, resolve);
    });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url: urlOf(server.address() as AddressInfo),
    indexFolder: folder,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Returns the title of a job: its folder, or the root's own name for the root. */
function titleOf(root: string, shown: string): string {
  return `Index ${shown === "." ? basename(root) : shown}`;
}

function urlOf({ address, family, port }: AddressInfo): string {
  if (address === "0.0.0.0" || address === "::") return `http://localhost:${port}`;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}
