import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createProducer } from "@milepost/producer";
import { MilepostError } from "@milepost/protocol";
import { createGateway, memoryEngine } from "@milepost/server";
import { answerError, answerJson, readBody, serveFile } from "./http.ts";
import { People } from "./people.ts";
import { release } from "./release.ts";
import { Sessions } from "./sessions.ts";
import type { Settings } from "./settings.ts";
import { type AnalysisInput, analyse } from "./workflow.ts";

const maxNameLength = 80;
const maxWaiting = 50;
const drainMs = 500;

/** Folders of the pages: the one that Vite has built, and the one that needs no build. */
export interface Pages {
  readonly built: string;
  readonly literal: string;
}

/** Running example. */
export interface Backend {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Starts the gateway, the agents, the endpoints and the pages on one port of this machine.
 *
 * - `POST /api/sessions` begins a session: `{session_id, token}`. The id opens `/ws/progress/{session_id}` by itself.
 * - `POST /api/people` begins a person of the release desk: `{credential}`. `POST /api/tokens {credential}` returns `{token}`.
 * - `POST /api/releases {credential}` starts a release for that person: 202 `{operation_id}`.
 * - `POST /api/analyses {session_id, company}` starts an analysis for that session: 202 `{transaction_id}`.
 */
export async function startBackend(settings: Settings, pages: Pages): Promise<Backend> {
  const { tokenSecret, apiKey, paceMs } = settings;
  const gateway = createGateway({
    engine: memoryEngine(),
    auth: { tokenSecret, apiKeys: [{ name: "agents", key: apiKey }] },
    sessions: { credentials: true },
  });
  const producer = createProducer({ gateway: gateway.operations, producerId: "agents" });
  const worker = producer.worker<AnalysisInput, unknown>({
    kind: "analysis",
    title: ({ company }) => `Analysis of ${company}`,
    shownInput: ({ company }) => ({ company }),
    retryable: true,
    concurrency: 4,
    run: (op, input) => analyse(op, input, () => pause(paceMs)),
  });
  let url = "";
  const people = new People();
  const sessions = new Sessions(() => url, apiKey);

  async function api(request: IncomingMessage, response: ServerResponse, path: string) {
    if (request.method === "POST" && path === "/api/sessions") {
      const { credential, id } = await sessions.begin();
      const token = await gateway.mintToken({ session: id });
      return answerJson(response, 201, { session_id: credential, token });
    }
    if (request.method === "POST" && path === "/api/analyses") {
      const { session_id: credential, company } = await readBody(request);
      const { id } = sessions.of(credential);
      if (typeof company !== "string" || company === "" || company.length > maxNameLength) {
        throw new MilepostError(
          "bad_message",
          `company must be a name of at most ${maxNameLength} characters`,
        );
      }
      if (worker.waiting >= maxWaiting) {
        throw new MilepostError("rate_limited", "too many analyses wait; try again later");
      }
      const { operationId } = worker.submit({ input: { company }, session: id });
      return answerJson(response, 202, { transaction_id: operationId });
    }
    if (request.method === "POST" && path === "/api/people") {
      return answerJson(response, 201, { credential: people.begin() });
    }
    if (request.method === "POST" && path === "/api/tokens") {
      const user = people.of((await readBody(request)).credential);
      return answerJson(response, 200, { token: await gateway.mintToken({ user }) });
    }
    if (request.method === "POST" && path === "/api/releases") {
      const user = people.of((await readBody(request)).credential);
      people.count(user);
      const options = { kind: "release", title: "Release of the shop", user };
      const { operationId } = producer.start(options, (op) =>
        release(op, producer, user, () => pause(paceMs)),
      );
      return answerJson(response, 202, { operation_id: operationId });
    }
    throw new MilepostError("not_found", "the example has no such endpoint");
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? "/", "http://example.invalid");
    if (pathname.startsWith("/api/")) return api(request, response, pathname);
    const isLiteral = pathname.startsWith("/literal/");
    const [folder, rest] = isLiteral
      ? [pages.literal, pathname.slice("/literal/".length)]
      : [pages.built, pathname.slice(1).replace(/\/$/, "/index.html")];
    if (await serveFile(resolve(folder), rest, response)) return;
    throw new MilepostError("not_found", "there is no such page; if it is /, run npm run build");
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((thrown: unknown) => {
      if (thrown instanceof MilepostError) return answerError(response, thrown);
      console.error("agents:", thrown);
      response.destroy();
    });
  });
  gateway.attach(server);
  const close = async () => {
    await producer.close();
    await gateway.close({ drainMs });
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  try {
    await new Promise<void>((done, fail) => {
      server.once("error", fail);
      server.listen(settings.port, "127.0.0.1", done);
    });
  } catch (error) {
    await producer.close();
    await gateway.close();
    throw error;
  }
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, close };
}
