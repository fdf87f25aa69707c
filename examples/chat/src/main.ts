import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startChatExample } from "./chat-example.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const { values } = parseArgs({ options: { port: { type: "string" } } });
const port = Number(values.port ?? process.env.PORT ?? 8787);
if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  console.error(
    "The port must be a number from 0 to 65535: npm start -w examples/chat -- --port 8788",
  );
  process.exit(1);
}
const example = await startChatExample({
  port,
  host: process.env.HOST ?? "127.0.0.1",
  wordMs: Number(process.env.WORD_MS ?? 60),
  page: at("page"),
  literal: at("../literal-client"),
}).catch((error: NodeJS.ErrnoException) => {
  const isTaken = error.code === "EADDRINUSE";
  console.error(isTaken ? `Port ${port} is in use. Choose another: --port ${port + 1}` : error);
  process.exit(1);
});

console.log(`The chat is running: ${example.url}

  ${example.url}/           a chat with an agent; open it twice to see who types
  ${example.url}/literal/   the same room with a bare WebSocket, without an SDK or a build

Stop with Ctrl-C.`);

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    example.close().finally(() => process.exit(0));
  });
}
