/**
 * Error of a call to the service, with the stable code of the refusal and a message for a person; `unreachable`
 * when there was no answer.
 */
export class DemoError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status: number) {
    super(message);
    this.name = "DemoError";
    this.code = code;
    this.status = status;
  }
}

interface Problem {
  readonly code?: string;
  readonly detail?: string;
  readonly title?: string;
}

/** Calls the service; throws {@link DemoError} with the code and message of the problem document. */
export async function demoRequest<Answer>(path: string, init: RequestInit = {}): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, cache: "no-store" });
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new DemoError("unreachable", "The service cannot be reached. Is it running?", 0);
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok) return body as Answer;
  const { code = "internal", detail, title } = (body ?? {}) as Problem;
  throw new DemoError(
    code,
    detail ?? title ?? `The service answered ${response.status}.`,
    response.status,
  );
}

/** Posts JSON to the service. */
export function post<Answer>(path: string, body: unknown): Promise<Answer> {
  return demoRequest<Answer>(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}
