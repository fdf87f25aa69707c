import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type * as clientModule from "@milepost/client";
import type * as msgpackModule from "@milepost/client/msgpack";
import type * as producerModule from "@milepost/producer";
import { Child } from "../processes/child.ts";
import { secrets } from "../processes/gateway.ts";
import type { PackedVersion } from "./packed-version.ts";

/** One version of Milepost: its gateway, its client and its producer. */
export interface Version {
  readonly name: string;
  /** File that runs the command `milepost`. */
  readonly command: string;
  readonly client: Pick<typeof clientModule, "createClient">;
  readonly msgpack: (typeof msgpackModule)["msgpack"];
  readonly producer: Pick<typeof producerModule, "createProducer" | "httpGateway">;
}

/** Returns the version of the working tree, as it is built. */
export async function builtVersion(): Promise<Version> {
  return {
    name: "working tree",
    command: fileURLToPath(new URL("../../../packages/cli/dist/main.js", import.meta.url)),
    client: await import("@milepost/client"),
    msgpack: (await import("@milepost/client/msgpack")).msgpack,
    producer: await import("@milepost/producer"),
  };
}

/** Returns an installed version, whose client and producer are loaded beside those of other versions. */
export async function installedVersion({ name, folder }: PackedVersion): Promise<Version> {
  const at = (path: string) => join(folder, "node_modules", path);
  const load = (path: string) => import(pathToFileURL(at(path)).href);
  return {
    name,
    command: at("milepost/dist/main.js"),
    client: (await load("@milepost/client/dist/index.js")) as Version["client"],
    msgpack: ((await load("@milepost/client/dist/transport/msgpack.js")) as Version).msgpack,
    producer: (await load("@milepost/producer/dist/index.js")) as Version["producer"],
  };
}

/** One gateway of a version, in a process of its own. */
export class VersionNode {
  readonly version: Version;
  readonly port: number;
  readonly #child: Child;

  private constructor(version: Version, port: number, child: Child) {
    this.version = version;
    this.port = port;
    this.#child = child;
  }

  /** Starts a gateway on a Redis, on `port` or on any free one. */
  static async start(
    version: Version,
    redisUrl: string,
    config: string,
    port = 0,
  ): Promise<VersionNode> {
    const where = ["--port", String(port), "--redis", redisUrl, "--config", config];
    const child = await Child.start({
      file: process.execPath,
      args: [version.command, "serve", ...where, "--drain", "2s"],
      env: {
        NODE_ENV: "production",
        MILEPOST_TOKEN_SECRET: secrets.tokenSecret,
        MILEPOST_API_KEY: secrets.apiKey,
      },
      ready: /http:\/\/127\.0\.0\.1:\d+/,
    });
    const [, bound] = /http:\/\/127\.0\.0\.1:(\d+)/.exec(child.printed) ?? [];
    return new VersionNode(version, Number(bound), child);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get hasEnded(): boolean {
    return this.#child.hasEnded;
  }

  /** Lines of its log at level warn and above. */
  get complaints(): readonly string[] {
    const lines = this.#child.printed.split("\n");
    return lines.filter((line) => /"level":"(warn|error|fatal)"/.test(line));
  }

  stop(): Promise<number | null> {
    return this.#child.end("SIGTERM");
  }

  kill(): Promise<number | null> {
    return this.#child.end("SIGKILL");
  }
}

/** Answer of a gateway to an HTTP request. */
export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** Asks a gateway over HTTP, with the API key or with a token of a user. */
export async function ask(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  credential: string = secrets.apiKey,
): Promise<Answer> {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${credential}`, "content-type": "application/json" },
    signal: AbortSignal.timeout(15_000),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? {} : JSON.parse(text) };
}
