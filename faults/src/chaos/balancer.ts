import { readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "../network/free-port.ts";
import { Child } from "../processes/child.ts";

const program = process.env.MILEPOST_HAPROXY ?? "haproxy";
const shipped = fileURLToPath(new URL("../../../deploy/haproxy/haproxy.cfg", import.meta.url));
const startTimeoutMs = 10_000;

/** HAProxy with the configuration that the project ships, without TLS, in front of three gateways. */
export class Balancer {
  readonly port: number;
  readonly #file: string;
  readonly #env: Readonly<Record<string, string>>;
  #child: Child | undefined;

  private constructor(port: number, file: string, env: Readonly<Record<string, string>>) {
    this.port = port;
    this.#file = file;
    this.#env = env;
  }

  static async start(folder: string, ports: readonly number[]): Promise<Balancer> {
    const port = await freePort();
    const file = join(folder, "haproxy.cfg");
    await writeFile(file, withoutTls(await readFile(shipped, "utf8")));
    const nodes = ports.map((node, i) => [`BALANCER_NODE_${i + 1}`, `127.0.0.1:${node}`]);
    const balancer = new Balancer(port, file, {
      BALANCER_BIND: `127.0.0.1:${port}`,
      BALANCER_MAXCONN: "4000",
      ...Object.fromEntries(nodes),
    });
    await balancer.start();
    return balancer;
  }

  async start(): Promise<void> {
    this.#child = await Child.start({
      file: "sh",
      args: ["-c", `echo begins; exec ${program} -db -f "$0"`, this.#file],
      env: this.#env,
      ready: /begins/,
    });
    const deadline = performance.now() + startTimeoutMs;
    while (!(await accepts(this.port))) {
      if (this.#child.hasEnded || performance.now() > deadline) {
        throw new Error(`HAProxy did not start:\n${this.#child.printed}`);
      }
      await pause(50);
    }
  }

  get hasEnded(): boolean {
    return this.#child?.hasEnded ?? true;
  }

  async kill(): Promise<void> {
    await this.#child?.end("SIGKILL");
  }
}

/** Returns the shipped configuration without TLS and access log. Throws if it no longer has the lines to replace. */
export function withoutTls(configuration: string): string {
  const changes: readonly (readonly [RegExp, string])[] = [
    [/^frontend plain\n(?: .*\n)+/m, ""],
    [/( bind "\$\{BALANCER_BIND\}").*$/m, "$1"],
    [/X-Forwarded-Proto https/, "X-Forwarded-Proto http"],
    [/^ {2}log stdout.*\n/m, ""],
    [/^ {2}ssl-default-bind-options.*\n/m, ""],
    [/^ {2}ssl-default-bind-ciphers.*\n/m, ""],
  ];
  return changes.reduce((text, [pattern, replacement]) => {
    if (!pattern.test(text)) {
      throw new Error(`deploy/haproxy/haproxy.cfg has nothing like ${pattern}; adapt balancer.ts`);
    }
    return text.replace(pattern, replacement);
  }, configuration);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
