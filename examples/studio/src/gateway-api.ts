import type { JoinedTicket, QueueView } from "@milepost/model";
import { type Failure, MilepostError } from "@milepost/protocol";

/** Requests of the backend to its gateway, with an API key. */
export class GatewayApi {
  readonly #url: () => string;
  readonly #key: string;

  constructor(url: () => string, key: string) {
    this.#url = url;
    this.#key = key;
  }

  /** Joins a queue for a guest, or returns the ticket that it has there. */
  join(queue: string, guest: string, lane: string): Promise<JoinedTicket> {
    return this.#call("POST", `/v1/queues/${queue}/tickets`, { guest, lane });
  }

  /** Returns a queue with its figures. */
  queue(queue: string): Promise<QueueView> {
    return this.#call("GET", `/v1/queues/${queue}?hours=1`);
  }

  async #call<Answer>(method: string, path: string, body?: object): Promise<Answer> {
    const response = await fetch(`${this.#url()}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#key}`, "content-type": "application/json" },
      signal: AbortSignal.timeout(10_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as Answer & Failure;
    if (response.ok) return answer;
    throw MilepostError.from(answer);
  }
}
