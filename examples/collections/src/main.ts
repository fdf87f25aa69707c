import { type Example, startExample } from "./example.ts";
import { readSettings } from "./settings.ts";

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

async function start(): Promise<Example> {
  try {
    return await startExample(readSettings(process.env, process.argv.slice(2)));
  } catch (thrown) {
    const error = thrown as NodeJS.ErrnoException;
    if (error.code === "EADDRINUSE") {
      fail("The port is in use. Choose another one: PORT=8788 npm start -w examples/collections");
    }
    return fail(error.message);
  }
}

const { url, store, nodes, close } = await start();
console.log(`The collections are at ${url}

  ${nodes.length} gateway node${nodes.length === 1 ? "" : "s"}, store: ${store}
  Stop with Ctrl-C.`);

let stopping = false;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    if (stopping) process.exit(1);
    stopping = true;
    close().then(
      () => process.exit(0),
      (error: unknown) => fail(String(error)),
    );
  });
}
