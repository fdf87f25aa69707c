import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createClient } from "@milepost/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type Browser, chromiumPath, startBrowser } from "./fixtures/browser.ts";
import { secrets } from "./fixtures/served.ts";

const modules = fileURLToPath(new URL("../../node_modules", import.meta.url));
const page = new URL("../../docs/getting-started.md", import.meta.url);

/** Files of docs/getting-started.md by name; each begins with a comment that names it. */
async function documentedFiles(): Promise<ReadonlyMap<string, string>> {
  const blocks = (await readFile(page, "utf8")).matchAll(
    /```(?:js|html)\n(?:\/\/|<!--) (\S+\.\w+)(?: -->)?\n([\s\S]*?)```/g,
  );
  return new Map([...blocks].map(([, name = "", text = ""]) => [name, text]));
}

/** Starts the documented backend in `folder` with this secret. */
function startBackend(folder: string, secret: string | undefined): ChildProcess {
  const { MILEPOST_TOKEN_SECRET: _, ...env } = process.env;
  return spawn(process.execPath, [join(folder, "backend.mjs")], {
    env: {
      ...env,
      PORT: "0",
      ...(secret !== undefined && { MILEPOST_TOKEN_SECRET: secret }),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Resolves with the address that the backend prints; rejects with what it wrote instead. */
async function addressOf(backend: ChildProcess): Promise<string> {
  if (backend.stdout === null || backend.stderr === null) throw new Error("it has no output");
  let errors = "";
  backend.stderr.on("data", (chunk) => {
    errors += String(chunk);
  });
  for await (const line of createInterface({ input: backend.stdout })) {
    if (/^http:\/\/127\.0\.0\.1:\d+$/.test(line)) return line;
  }
  if (backend.exitCode === null) await once(backend, "exit");
  throw new Error(errors);
}

async function tokenOf(url: string): Promise<string> {
  const response = await fetch(`${url}/token`, { method: "POST" });
  return ((await response.json()) as { token: string }).token;
}

describe("the programs of docs/getting-started.md", () => {
  let folder: string;
  let backend: ChildProcess;
  let url: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "milepost-start-"));
    const files = await documentedFiles();
    expect([...files.keys()]).toEqual(["backend.mjs", "index.html", "page.js"]);
    for (const [name, text] of files) await writeFile(join(folder, name), text);
    await mkdir(join(folder, "node_modules"));
    await symlink(join(modules, "@milepost"), join(folder, "node_modules", "@milepost"));
    backend = startBackend(folder, secrets.tokenSecret);
    url = await addressOf(backend);
  });

  afterAll(async () => {
    if (backend.exitCode === null) {
      const ended = once(backend, "exit");
      backend.kill();
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  });

  test("the documented backend gives a page a token with which it watches the work to its end", async () => {
    const client = createClient({
      url: `${url}/ws`,
      token: () => tokenOf(url),
      webSocket: WebSocket as never,
    });
    const response = await fetch(`${url}/exports`, { method: "POST" });
    expect(response.status).toBe(202);
    const { id } = (await response.json()) as { id: string };
    const operation = client.operation(id);
    const result = await new Promise((resolve) => {
      operation.subscribe(() => {
        const { view } = operation;
        if (view.kind === "ready" && view.state.status === "done") resolve(view.state.result);
      });
    });
    expect(result).toEqual({ orders: 50 });
    await client.close();
  });

  test("the documented backend serves only its own files and packages", async () => {
    for (const path of [
      "/backend.mjs",
      "/packages/server/index.js",
      "/packages/client/..%2f..%2fx.js",
    ]) {
      expect((await fetch(`${url}${path}`)).status).toBe(404);
    }
  });

  test("the documented backend says that the secret is missing when its variable is not set", async () => {
    await expect(addressOf(startBackend(folder, undefined))).rejects.toThrow(
      /tokenSecret is missing; is its environment variable set\?|auth needs tokenSecret/,
    );
  });

  describe.skipIf(chromiumPath === undefined)("in a real browser", () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await startBrowser();
    });
    afterAll(() => browser?.[Symbol.asyncDispose]());

    test("the documented page starts the work, shows its progress and cancels it", async () => {
      const tab = await browser.context.newPage();
      const faults: string[] = [];
      tab.on("pageerror", (error) => faults.push(error.message));
      await tab.goto(url);
      await tab.getByRole("button", { name: "Export orders" }).click();
      await tab.getByText("running", { exact: true }).waitFor();
      await tab.waitForFunction("document.querySelector('progress').value > 0");
      await tab.getByRole("button", { name: "Cancel" }).click();
      await tab.getByText("cancelled", { exact: true }).waitFor();
      expect(faults).toEqual([]);
    });
  });
});
