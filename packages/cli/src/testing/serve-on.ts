import { run } from "../program.ts";
import { TestTerminal } from "./test-terminal.ts";

/** Runs `milepost serve --dev` on a folder until it has printed how to use it. */
export async function serveOn(folder: string) {
  const terminal = new TestTerminal({ MILEPOST_MEMORY: "" });
  const flags = ["--dev", "--port", "0", "--log-level", "silent", "--data", folder];
  const ended = run(["serve", ...flags], terminal);
  const exported = async (name: string) =>
    (await terminal.line(new RegExp(`export ${name}=`))).split("=").slice(1).join("=");
  const env = {
    MILEPOST_URL: await exported("MILEPOST_URL"),
    MILEPOST_API_KEY: await exported("MILEPOST_API_KEY"),
    MILEPOST_TOKEN_SECRET: await exported("MILEPOST_TOKEN_SECRET"),
  };
  const stop = () => {
    terminal.emitter.emit("SIGTERM");
    return ended;
  };
  return { env, stop };
}
