import { post } from "./demo-request.ts";

/** What a visit is answered with; a cookie that scripts cannot read tells who it is next time. */
interface Visit {
  readonly token: string;
}

let asking: Promise<Visit> | undefined;

/**
 * Begins or continues this browser's visit and answers a fresh credential for it. Calls at the same time are
 * one, else a first load could begin two visits.
 */
export async function visitToken(): Promise<string> {
  asking ??= post<Visit>("/demo/visit", {}).finally(() => {
    asking = undefined;
  });
  return (await asking).token;
}
