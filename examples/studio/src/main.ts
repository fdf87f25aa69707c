import { fileURLToPath } from "node:url";
import { readSettings, SettingError, type Settings } from "./settings.ts";
import { startStudio } from "./studio.ts";

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

function settings(): Settings {
  try {
    return readSettings(process.env, process.argv.slice(2), "milepost-studio-data");
  } catch (error) {
    if (error instanceof SettingError) fail(error.message);
    throw error;
  }
}

const given = settings();
const studio = await startStudio(given, fileURLToPath(new URL("page", import.meta.url))).catch(
  (error: NodeJS.ErrnoException) => {
    if (error.code === "EADDRINUSE") {
      fail(
        `Port ${given.port} is in use. Choose another one: npm start -w examples/studio -- --port 3002`,
      );
    }
    throw error;
  },
);

console.log(`The studio is running.

  ${studio.pageUrl ?? studio.url}/   the page; open it twice to see the queue
  ${studio.url}/health   the backend

Stop with Ctrl-C.`);

let stopping = false;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    if (stopping) process.exit(1);
    stopping = true;
    studio.close().then(
      () => process.exit(0),
      (error: unknown) => fail(String(error)),
    );
  });
}
