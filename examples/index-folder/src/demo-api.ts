import type { IncomingMessage, ServerResponse } from "node:http";
import type { Worker } from "@milepost/producer";
import { MilepostError } from "@milepost/protocol";
import type { Gateway } from "@milepost/server";
import { answerJson, answerProblem, readBody } from "./http-answer.ts";
import type { IndexInput, IndexResult } from "./index-job.ts";
import type { IndexStore } from "./index-store.ts";
import { isPace } from "./pace.ts";
import { allowedFolder } from "./path-policy.ts";
import { isSameOrigin } from "./same-origin.ts";
import { search } from "./search.ts";
import type { Visitor, Visitors } from "./visitors.ts";

/** What a job is submitted with: what it does, and what is shown of that. */
export interface DemoInput extends IndexInput {
  readonly shown: string;
  /** Whose job it is. */
  readonly user: string;
}

/** What the demo's endpoints work with. */
export interface DemoApiOptions {
  readonly gateway: Gateway;
  readonly visitors: Visitors;
  readonly worker: Worker<DemoInput, IndexResult>;
  readonly store: IndexStore;
  readonly root: string;
  readonly defaultPath: string;
  readonly onFault: (thrown: unknown) => void;
}

type Endpoint = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>;

/** Jobs one visitor may have under way or waiting. */
const maxJobsPerVisitor = 5;
/** Jobs that may wait in all. */
const maxWaiting = 100;

/**
 * The demo's own endpoints, below `/demo/`; only for pages of its own origin.
 *
 * `POST visit` begins or continues a visit. `POST jobs {path?, pace?}` indexes a folder. `GET info`
 * tells what may be indexed. `GET operations/{id}/search?q=` asks an index of the visitor's own.
 */
export function createDemoApi(options: DemoApiOptions): Endpoint {
  const { gateway, visitors, worker, store, root } = options;
  const jobs = new Map<string, number>();

  async function visit(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { visit: answer, cookie } = await visitors.visit(request);
    answerJson(response, 200, answer, { "set-cookie": cookie });
  }

  async function startJob(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const visitor = await visitors.identify(request);
    const { path = options.defaultPath, pace = "watchable" } = await readBody(request);
    if (!isPace(pace)) {
      throw new MilepostError("bad_message", 'pace must be "full", "watchable" or "slow"');
    }
    const { absolute, shown } = await allowedFolder(root, path);
    if ((jobs.get(visitor.session) ?? 0) >= maxJobsPerVisitor || worker.waiting >= maxWaiting) {
      throw new MilepostError("rate_limited", "too many jobs are under way; wait for one to end");
    }
    const { operationId, finished } = worker.submit({
      input: { folder: absolute, pace, shown, user: visitor.user },
      session: visitor.session,
      user: visitor.user,
    });
    count(visitor, 1);
    void finished.then(() => count(visitor, -1));
    answerJson(response, 202, { operation_id: operationId });
  }

  function count({ session }: Visitor, change: number): void {
    const jobsNow = (jobs.get(session) ?? 0) + change;
    if (jobsNow > 0) jobs.set(session, jobsNow);
    else jobs.delete(session);
  }

  async function searchIndex(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
  ): Promise<void> {
    const visitor = await visitors.identify(request);
    const [, id = ""] = searchPath.exec(url.pathname) ?? [];
    const { operation } = await gateway.operations.get(id);
    const index = operation.session_id === visitor.session ? await store.open(id) : undefined;
    if (!index) throw new MilepostError("not_found", "there is no such index");
    answerJson(response, 200, await search(index, url.searchParams.get("q") ?? ""));
  }

  async function info(_: IncomingMessage, response: ServerResponse): Promise<void> {
    answerJson(response, 200, { root, defaultPath: options.defaultPath });
  }

  function endpointOf(method: string | undefined, path: string): Endpoint | undefined {
    if (method === "POST")
      return path === "/demo/visit" ? visit : path === "/demo/jobs" ? startJob : undefined;
    if (method !== "GET") return undefined;
    return path === "/demo/info" ? info : searchPath.test(path) ? searchIndex : undefined;
  }

  return async (request, response, url) => {
    try {
      const endpoint = endpointOf(request.method, url.pathname);
      if (!endpoint) throw new MilepostError("not_found", "the demo has no such endpoint");
      if (!isSameOrigin(request)) {
        throw new MilepostError("forbidden", "only the demo's own pages may ask this");
      }
      await endpoint(request, response, url);
    } catch (thrown) {
      if (thrown instanceof MilepostError) return answerProblem(response, thrown);
      options.onFault(thrown);
      if (response.headersSent) response.destroy();
      else
        answerProblem(
          response,
          new MilepostError("internal", "a fault of the demo; it is in its log"),
        );
    }
  };
}

const searchPath = /^\/demo\/operations\/([A-Za-z0-9_~-][A-Za-z0-9_.~-]{0,63})\/search$/;
