import { fileURLToPath } from "node:url";
import { mutantOf, requireChanges } from "../mutants/mutants.ts";
import { Child } from "./child.ts";
import { openFiles } from "./open-files.ts";

const mutation = fileURLToPath(new URL("../mutants/register.js", import.meta.url));
const command = fileURLToPath(new URL("../../../packages/cli/dist/main.js", import.meta.url));

/** Secrets that all gateways of the suite share. */
export const secrets = { tokenSecret: "t".repeat(48), apiKey: "k".repeat(48) } as const;

/** Port and further environment of a gateway. */
export interface GatewayPlace {
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Process of one `milepost serve`. */
export class Gateway {
  readonly port: number;
  /** Number of files, sockets included, that the gateway had open before its first client. */
  readonly filesAtStart: number;
  readonly #child: Child;

  private constructor(port: number, filesAtStart: number, child: Child) {
    this.port = port;
    this.filesAtStart = filesAtStart;
    this.#child = child;
  }

  /**
   * Starts a gateway on a Redis, on any free port unless `place` names one; a named mutant is put into its code. Rejects
   * if the gateway does not load what the mutant changes.
   */
  static async start(
    redisUrl: string,
    config: string,
    mutant?: string,
    { port = 0, env = {} }: GatewayPlace = {},
  ): Promise<Gateway> {
    const hooks = mutant === undefined ? [] : ["--import", mutation];
    const child = await Child.start({
      file: process.execPath,
      args: [
        ...[...hooks, command, "serve", "--port", String(port)],
        ...["--redis", redisUrl, "--config", config],
      ],
      env: {
        NODE_ENV: "production",
        MILEPOST_TOKEN_SECRET: secrets.tokenSecret,
        MILEPOST_API_KEY: secrets.apiKey,
        MILEPOST_DRAIN_MS: "1000",
        ...(mutant === undefined ? {} : { FAULTS_MUTANT: mutant }),
        ...env,
      },
      ready: /http:\/\/127\.0\.0\.1:\d+/,
    });
    const [, opened] = /http:\/\/127\.0\.0\.1:(\d+)/.exec(child.printed) ?? [];
    const gateway = new Gateway(Number(opened), await openFiles(child.pid), child);
    if (mutant !== undefined) requireChanges(mutantOf(mutant), child.printed);
    return gateway;
  }

  /** Starts a gateway without Redis on a port, with its data in a folder. */
  static async startOn(folder: string, port: number, config: string): Promise<Gateway> {
    const child = await Child.start({
      file: process.execPath,
      args: [command, "serve", "--port", String(port), "--data", folder, "--config", config],
      env: {
        NODE_ENV: "production",
        MILEPOST_MEMORY: "false",
        MILEPOST_TOKEN_SECRET: secrets.tokenSecret,
        MILEPOST_API_KEY: secrets.apiKey,
      },
      ready: /http:\/\/127\.0\.0\.1:\d+/,
    });
    return new Gateway(port, await openFiles(child.pid), child);
  }

  get pid(): number {
    return this.#child.pid;
  }

  get printed(): string {
    return this.#child.printed;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get hasEnded(): boolean {
    return this.#child.hasEnded;
  }

  kill(): Promise<number | null> {
    return this.#child.end("SIGKILL");
  }

  stop(): Promise<number | null> {
    return this.#child.end("SIGTERM");
  }
}
