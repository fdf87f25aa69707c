import { fileURLToPath } from "node:url";
import { startDemo } from "./demo.ts";
import { readSettings, SettingError, type Settings } from "./settings.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

function settings(): Settings {
  try {
    return readSettings(process.env, at("../../.."));
  } catch (error) {
    if (error instanceof SettingError) fail(error.message);
    throw error;
  }
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

const { port, host, root, ...rest } = settings();
const demo = await startDemo(
  { port, host, root, ...rest },
  { built: at("page"), plain: at("../plain") },
).catch((error: NodeJS.ErrnoException) => {
  if (error.code === "EADDRINUSE") {
    fail(
      `Port ${port} is in use. Stop the program that uses it, or choose another port: MILEPOST_PORT=8788 npm start`,
    );
  }
  if (error.code === "EACCES" || error.code === "EADDRNOTAVAIL") {
    fail(
      `Cannot listen on ${host} port ${port} (${error.code}). Choose others with MILEPOST_HOST and MILEPOST_PORT.`,
    );
  }
  throw error;
});

console.log(`Milepost is running: ${demo.url}

  ${demo.url}/         index a folder and watch it; reload, pause, disconnect, reconnect
  ${demo.url}/plain/   the same run over a plain WebSocket, without a framework or a build
  ${demo.url}/openapi.json

You can index folders inside ${root}. Stop with Ctrl-C.`);

let stopping = false;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    if (stopping) process.exit(1);
    stopping = true;
    demo.close().then(
      () => process.exit(0),
      (error: unknown) => fail(String(error)),
    );
  });
}
