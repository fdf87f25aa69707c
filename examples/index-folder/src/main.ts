import { fileURLToPath } from "node:url";
import { MilepostError } from "@milepost/protocol";
import { startDemo } from "./demo.ts";
import { readSettings, SettingError, type Settings } from "./settings.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

function settings(): Settings {
  try {
    return readSettings(process.env, at("../../.."), at("../../../milepost-demo-data"));
  } catch (error) {
    if (error instanceof SettingError) fail(error.message);
    throw error;
  }
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

const { port, host, root, data, ...rest } = settings();
const demo = await startDemo(
  { port, host, root, data, ...rest },
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
  if (error instanceof MilepostError && data !== undefined) {
    fail(
      `The demo cannot use its data in ${data}: ${error.message}. With MILEPOST_DATA it uses another folder, with MILEPOST_MEMORY=true none.`,
    );
  }
  throw error;
});

console.log(`Milepost is running: ${demo.url}

  ${demo.url}/         index a folder and watch it; reload, pause, disconnect, reconnect
  ${demo.url}/plain/   the same run over a plain WebSocket, without a framework or a build
  ${demo.url}/openapi.json

You can index folders inside ${root}. Stop with Ctrl-C.
${data === undefined ? "Nothing is kept when it stops." : `It keeps its data in ${data}: a restart forgets nothing.`}`);

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
