import type { ConnectPlan } from "../generator/connect-plan.ts";
import type { GeneratorMethods } from "../generator/generator-process.ts";
import { monotonicUs } from "../measure/monotonic.ts";
import { Child } from "../process/child.ts";
import type { TargetName } from "../targets/catalog.ts";
import type { ServerMethods } from "../targets/server-process.ts";

/** Fresh server and fresh generator, each in a process of its own; disposing ends both. */
export interface Stage extends AsyncDisposable {
  readonly server: Child<ServerMethods>;
  readonly generator: Child<GeneratorMethods>;
  readonly plan: ConnectPlan;
}

// Child modules have the extension of this module: .ts from source, .js when built.
const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));
const serverModule = new URL(`../targets/server-process${extension}`, import.meta.url);
const bunModule = new URL(`../targets/bun-process${extension}`, import.meta.url);
const generatorModule = new URL(`../generator/generator-process${extension}`, import.meta.url);

/**
 * Starts one more generator, for connections that must not disturb those of the first; disposing it ends its
 * process.
 */
export function addGenerator(): Child<GeneratorMethods> {
  return new Child<GeneratorMethods>(generatorModule);
}

function bunProgram(): string {
  const path = process.env.BENCH_BUN;
  if (path !== undefined && path !== "") return path;
  throw new Error(
    "the target bun needs BENCH_BUN, the path of Bun; npm install --prefix /tmp/peers @oven/bun-linux-x64 brings it",
  );
}

/** Starts the target `name` in a server process, and a generator without connections. */
export async function setStage(
  name: TargetName,
  serverFlags: readonly string[] = [],
): Promise<Stage> {
  const server =
    name === "bun"
      ? new Child<ServerMethods>(bunModule, [], bunProgram())
      : new Child<ServerMethods>(serverModule, serverFlags);
  const generator = new Child<GeneratorMethods>(generatorModule);
  const clear = async () => {
    await Promise.all([server[Symbol.asyncDispose](), generator[Symbol.asyncDispose]()]);
  };
  try {
    const plan = await server.call("start", { name, nowUs: monotonicUs() });
    return { server, generator, plan, [Symbol.asyncDispose]: clear };
  } catch (error) {
    await clear();
    throw error;
  }
}
