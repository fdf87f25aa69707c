import type { IncomingMessage } from "node:http";
import { failure } from "@milepost/protocol";
import { type Problem, problemOf } from "./problem.ts";

/** Maximum number of headers of a request. */
const maxHeaders = 100;

/**
 * Returns the answer to a request with more than 100 headers; undefined for any other.
 *
 * Node itself drops headers beyond its own limit and says nothing, so a request would be handled without some of them.
 */
export function tooManyHeaders({ rawHeaders }: IncomingMessage): Problem | undefined {
  if (rawHeaders.length <= 2 * maxHeaders) return undefined;
  const cause = failure("too_large", `the request has more than ${maxHeaders} headers; send fewer`);
  return { ...problemOf(cause), status: 431, title: "The request has too many headers." };
}
