import { DemoError, demoRequest, post } from "./demo-request.ts";
import { visitToken } from "./visit.ts";

/** What the demo indexes by itself, and where it may look. */
export interface DemoInfo {
  /** Folders outside of it are refused. */
  readonly root: string;
  readonly defaultPath: string;
}

/** How fast the demo works: at full speed, or slowed down so that one can watch. */
export type JobPace = "full" | "watchable" | "slow";

/** Asks as this browser's visitor; begins a visit first where there is none, or no longer one. */
async function asVisitor<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof DemoError) || error.status !== 401) throw error;
    await visitToken();
    return ask();
  }
}

/** What one may index. */
export function demoInfo(signal?: AbortSignal): Promise<DemoInfo> {
  return demoRequest<DemoInfo>("/demo/info", signal ? { signal } : {});
}

/** Starts a run; answers its operation's id. */
export async function startJob(path: string, pace: JobPace): Promise<string> {
  const { operation_id } = await asVisitor(() =>
    post<{ operation_id: string }>("/demo/jobs", { path, pace }),
  );
  return operation_id;
}

/** A place where the words searched for stand. */
export interface SearchHit {
  readonly path: string;
  readonly line: number;
  readonly snippet: string;
  /** Where in the snippet the words stand: pairs of start and end, in UTF-16 units. */
  readonly highlights: readonly (readonly [start: number, end: number])[];
}

/** What a search found: the best hits, one per file, and in how many files there are any. */
export interface SearchAnswer {
  readonly hits: readonly SearchHit[];
  readonly total: number;
}

/** Searches the index that a run made. */
export function searchIndex(
  operationId: string,
  query: string,
  signal: AbortSignal,
): Promise<SearchAnswer> {
  const path = `/demo/operations/${encodeURIComponent(operationId)}/search?q=${encodeURIComponent(query)}`;
  return asVisitor(() => demoRequest<SearchAnswer>(path, { signal }));
}
