declare global {
  var studioBackend: string | undefined;
}

/** Address of the backend; `config.js` of the page's server names it. */
export const backendUrl = globalThis.studioBackend || "http://localhost:3001";

/** One file of the project. */
export interface StudioFile {
  readonly name: string;
  readonly content: string;
}

/** Sends a JSON body for a visitor and returns the answer. Rejects with what the backend says is wrong. */
export async function postJson<Answer>(
  path: string,
  userId: string,
  body: unknown,
): Promise<Answer> {
  const response = await fetch(`${backendUrl}${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-User-Id": userId },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as Answer & { readonly error?: string };
  if (response.ok) return answer;
  throw new Error(answer.error ?? `the backend answered ${response.status}`);
}
