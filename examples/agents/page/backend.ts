/** Session of this tab. */
export interface Session {
  /** Opens the session's feed, and names it to the backend. */
  readonly session_id: string;
  readonly token: string;
}

const place = "agents-session";

/** Returns the session of this tab, which a reload keeps, or begins one. */
export async function beginSession(): Promise<Session> {
  const kept = sessionStorage.getItem(place);
  if (kept !== null) return JSON.parse(kept) as Session;
  const session = (await post("/api/sessions", {})) as Session;
  sessionStorage.setItem(place, JSON.stringify(session));
  return session;
}

/** Forgets the session, so that the next load of the page begins another one. */
export function forgetSession(): void {
  sessionStorage.removeItem(place);
}

/** Starts an analysis and resolves with the id of its operation. */
export async function startAnalysis({ session_id }: Session, company: string): Promise<string> {
  const answer = (await post("/api/analyses", { session_id, company })) as {
    readonly transaction_id: string;
  };
  return answer.transaction_id;
}

async function post(path: string, body: unknown): Promise<unknown> {
  const answer = await fetch(path, { method: "POST", body: JSON.stringify(body) });
  const content: unknown = await answer.json();
  if (answer.ok) return content;
  const { detail } = content as { readonly detail?: string };
  throw new Error(detail ?? `the backend answered ${answer.status}`);
}
