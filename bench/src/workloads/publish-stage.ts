import type { GeneratorMethods } from "../generator/generator-process.ts";
import type { HttpLoadMethods } from "../generator/http-load-process.ts";
import { Child } from "../process/child.ts";
import { pin } from "../process/pin.ts";
import type { PublishServerMethods } from "../targets/publish-process.ts";
import type { PublishTargetName } from "../targets/publish-target.ts";

/** Fresh server that takes publications, a load generator and a process of readers; disposing ends all. */
export interface PublishStage extends AsyncDisposable {
  readonly server: Child<PublishServerMethods>;
  readonly load: Child<HttpLoadMethods>;
  readonly readers: Child<GeneratorMethods>;
  readonly port: number;
}

// Child modules have the extension of this module: .ts from source, .js when built.
const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));
const serverModule = new URL(`../targets/publish-process${extension}`, import.meta.url);
const loadModule = new URL(`../generator/http-load-process${extension}`, import.meta.url);
const readersModule = new URL(`../generator/generator-process${extension}`, import.meta.url);

/** Starts a target on one core, and a load generator and readers on the other. */
export async function setPublishStage(
  name: PublishTargetName,
  redisUrl = "",
): Promise<PublishStage> {
  const server = new Child<PublishServerMethods>(serverModule);
  const load = new Child<HttpLoadMethods>(loadModule);
  const readers = new Child<GeneratorMethods>(readersModule);
  const clear = async () => {
    await Promise.all([server, load, readers].map((child) => child[Symbol.asyncDispose]()));
  };
  try {
    const port = await server.call("start", { name, redisUrl });
    pin(server.pid, 0);
    pin(load.pid, 1);
    pin(readers.pid, 1);
    return { server, load, readers, port, [Symbol.asyncDispose]: clear };
  } catch (error) {
    await clear();
    throw error;
  }
}
