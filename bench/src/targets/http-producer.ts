import { Agent, request } from "node:http";
import { makePayload } from "../payload.ts";
import { secrets } from "./served-node.ts";

const timeoutMs = 30_000;

/** Publishes to one channel by HTTP over connections that stay open; disposing closes them. */
export class HttpProducer implements Disposable {
  readonly #channel: string;
  // Servers close a connection after 5 s without use, perhaps just as the next request goes out. The agent
  // closes it earlier.
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64, timeout: 2_000 });

  constructor(channel: string) {
    this.#channel = channel;
  }

  /**
   * Publishes payload `seq`, due at `atUs`, on the node at `url`; resolves with its position.
   *
   * Rejects when the node refuses the publication or does not answer within 30 s.
   */
  publish(url: string, seq: number, atUs: number): Promise<string> {
    const data = makePayload(seq, Math.round(atUs));
    const body = JSON.stringify({ channel: this.#channel, event: "tick", data });
    return new Promise((resolve, reject) => {
      const asked = request(
        `${url}/v1/publish`,
        {
          method: "POST",
          agent: this.#agent,
          signal: AbortSignal.timeout(timeoutMs),
          headers: {
            authorization: `Bearer ${secrets.apiKey}`,
            "content-type": "application/json",
            "content-length": Buffer.byteLength(body),
          },
        },
        (answer) => {
          let text = "";
          answer.setEncoding("utf8");
          answer.on("data", (chunk: string) => {
            text += chunk;
          });
          answer.once("error", reject);
          answer.once("end", () => {
            const position = answer.statusCode === 200 ? positionIn(text) : undefined;
            if (position !== undefined) resolve(position);
            else
              reject(
                new Error(`the node answered a publish with status ${answer.statusCode}: ${text}`),
              );
          });
        },
      );
      asked.once("error", reject);
      asked.end(body);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

function positionIn(answer: string): string | undefined {
  const { results } = JSON.parse(answer) as {
    readonly results: readonly { readonly position?: string }[];
  };
  return results[0]?.position;
}
