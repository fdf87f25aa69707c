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

/** Input of a job: what to index, the path that people see, and the owner. */
export interface DemoInput extends IndexInput {
  readonly shown: string;
  /** User who owns the job. */
  readonly user: string;
}

/** Dependencies of the demo's endpoints. */
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

/** Most jobs that one visitor may have running or waiting. */
const maxJobsPerVisitor = 5;
/** Most jobs that may wait in total. */
const maxWaiting = 100;

/**
 * Creates the demo's own endpoints below `/demo/`. They refuse pages of other origins.
 *
 * `POST visit` begins or continues a visit. `POST jobs {path?, pace?}` indexes a folder. `GET info` returns
 * what may be indexed. `GET operations/{id}/search?q=` searches an index of the visitor's own.
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
      throw new MilepostError(
        "rate_limited",
        "too many jobs are running or waiting; wait until one ends",
      );
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
    if (!index) throw new MilepostError("not_found", "there is no such index in this visit");
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
        throw new MilepostError("forbidden", "only pages of this service may call this endpoint");
      }
      await endpoint(request, response, url);
    } catch (thrown) {
      if (thrown instanceof MilepostError) return answerProblem(response, thrown);
      options.onFault(thrown);
      if (response.headersSent) response.destroy();
      else
        answerProblem(response, new MilepostError("internal", "the demo failed; its log says why"));
    }
  };
}

const searchPath = /^\/demo\/operations\/([A-Za-z0-9_~-][A-Za-z0-9_.~-]{0,63})\/search$/;
