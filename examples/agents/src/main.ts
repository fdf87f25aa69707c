import { fileURLToPath } from "node:url";
import { startBackend } from "./backend.ts";
import { readSettings } from "./settings.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

async function start() {
  try {
    const settings = readSettings(process.argv.slice(2), process.env);
    return await startBackend(settings, { built: at("page"), literal: at("../literal") });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    console.error(
      code === "EADDRINUSE"
        ? "The port is in use. Choose another one: npm start -w examples/agents -- --port 8788"
        : message,
    );
    process.exit(1);
  }
}

const backend = await start();
console.log(`The agents are at work: ${backend.url}

  ${backend.url}/           the page with React and the client
  ${backend.url}/desk/      questions, an inbox, parts and a digest
  ${backend.url}/literal/   the same feed with a bare WebSocket

Stop with Ctrl-C.`);

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    backend.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
}
