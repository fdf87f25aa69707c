import { DemoError, demoRequest, post } from "./demo-request.ts";
import { visitToken } from "./visit.ts";

/**
 * Settings of the demo that a page needs: the folder it indexes by default, and the root of all folders it may
 * index.
 */
export interface DemoInfo {
  /** Root folder. The service refuses folders outside it. */
  readonly root: string;
  readonly defaultPath: string;
}

/** Pace of the demo's work: full speed, or slowed down so that a person can watch it. */
export type JobPace = "full" | "watchable" | "slow";

/** Calls the service as this browser's visitor; when there is no valid visit, it begins one and calls again. */
async function asVisitor<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof DemoError) || error.status !== 401) throw error;
    await visitToken();
    return ask();
  }
}

/** Asks the service which folders may be indexed. */
export function demoInfo(signal?: AbortSignal): Promise<DemoInfo> {
  return demoRequest<DemoInfo>("/demo/info", signal ? { signal } : {});
}

/** Starts a run; resolves with the id of its operation. */
export async function startJob(path: string, pace: JobPace): Promise<string> {
  const { operation_id } = await asVisitor(() =>
    post<{ operation_id: string }>("/demo/jobs", { path, pace }),
  );
  return operation_id;
}

/** Line of a file in which words of the query stand. */
export interface SearchHit {
  readonly path: string;
  readonly line: number;
  readonly snippet: string;
  /** Ranges of the snippet that match: pairs of start and end, in UTF-16 units. */
  readonly highlights: readonly (readonly [start: number, end: number])[];
}

/** Result of a search: the best hits, one per file, and the number of files with hits. */
export interface SearchAnswer {
  readonly hits: readonly SearchHit[];
  readonly total: number;
}

/** Searches the index that a run has built. */
export function searchIndex(
  operationId: string,
  query: string,
  signal: AbortSignal,
): Promise<SearchAnswer> {
  const path = `/demo/operations/${encodeURIComponent(operationId)}/search?q=${encodeURIComponent(query)}`;
  return asVisitor(() => demoRequest<SearchAnswer>(path, { signal }));
}
