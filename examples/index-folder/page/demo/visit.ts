import { post } from "./demo-request.ts";

/** Answer of the service to a visit. A cookie that scripts cannot read identifies the visitor next time. */
interface Visit {
  readonly token: string;
}

let asking: Promise<Visit> | undefined;

/**
 * Begins or continues this browser's visit; resolves with a fresh token for it. Simultaneous calls share one
 * request, because a first page load could otherwise begin two visits.
 */
export async function visitToken(): Promise<string> {
  asking ??= post<Visit>("/demo/visit", {}).finally(() => {
    asking = undefined;
  });
  return (await asking).token;
}
