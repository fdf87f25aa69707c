import { randomBytes } from "node:crypto";
import { Command } from "commander";
import { type Demo, startDemo } from "../demo/demo-server.ts";
import { CommandFailure } from "../exit-codes.ts";
import { integerFrom } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";

interface DemoFlags {
  readonly port: number;
}

/** Creates the command `milepost demo`, which shows a gateway at work until it is interrupted. */
export function demoCommand(terminal: Terminal): Command {
  return new Command("demo")
    .description(
      "Runs a gateway with made-up work and a page that shows it, on this machine alone. It keeps nothing.",
    )
    .option("--port <port>", "port to listen on, 0 for any free one", integerFrom(0, 65_535), 8787)
    .action(async ({ port }: DemoFlags) => {
      const secrets = {
        tokenSecret: randomBytes(48).toString("base64url"),
        apiKey: `demo-${randomBytes(30).toString("base64url")}`,
      };
      const stop = stopRequested(terminal);
      const demo = await start(port, secrets);
      for (const line of [
        `Milepost shows made-up work on ${demo.url}/`,
        "",
        `  ${demo.url}/          what runs, with buttons; reload it, or open it twice`,
        `  ${demo.url}/console/  the gateway itself; its key is ${secrets.apiKey}`,
        "",
        "In another terminal:",
        "",
        `  export MILEPOST_URL=${demo.url} MILEPOST_API_KEY=${secrets.apiKey}`,
        "  milepost ops watch",
        "  milepost run -- sleep 10",
        "",
        "Nothing is kept when it stops. Stop it with Ctrl-C.",
      ]) {
        terminal.out(line);
      }
      await stop;
      await demo.close();
    });
}

/** Resolves with the first signal that asks the process to stop. */
function stopRequested({ process }: Terminal): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => resolve());
  });
}

async function start(port: number, secrets: Parameters<typeof startDemo>[1]): Promise<Demo> {
  try {
    return await startDemo(port, secrets);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const says =
      code === "EADDRINUSE"
        ? `port ${port} is in use; stop the process that listens on it, or choose another with --port`
        : message;
    throw new CommandFailure(says, undefined, { cause: error });
  }
}
