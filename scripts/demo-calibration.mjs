// Reports how true the estimates of the time left were for a real job: runs the demo's index job over folders of this
// repository, one after the other, against a demo of its own, and prints GET /v1/estimates. Takes about five seconds a run.
//   npm run demo:calibration -- [runs, 170 by default]
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { root } from "./workspaces.mjs";

const runs = Number(process.argv[2] ?? 170);
const folders = [
  ...["core/src/operations", "core/src/questions", "redis/src", "cli/src", "react/src"],
  ...["engine", "model", "protocol", "sqlite", "producer"],
].map((path) => `packages/${path}`);
const data = mkdtempSync(join(tmpdir(), "milepost-calibration-"));
const apiKey = "the-key-of-this-run-alone-on-loopback";
const demo = spawn(process.execPath, [join(root, "examples/index-folder/dist/main.js")], {
  env: {
    ...process.env,
    MILEPOST_PORT: "0",
    MILEPOST_DATA: data,
    MILEPOST_MEMORY: "",
    MILEPOST_DEMO_ROOT: root,
    MILEPOST_API_KEY: apiKey,
  },
  stdio: ["ignore", "pipe", "inherit"],
});
try {
  const url = await new Promise((resolve, reject) => {
    demo.once("exit", (code) => reject(new Error(`the demo ended with ${code}`)));
    demo.stdout.on("data", (chunk) => {
      const found = /running: (\S+)/.exec(String(chunk))?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  const visit = await fetch(`${url}/demo/visit`, { method: "POST" });
  const cookie = visit.headers.get("set-cookie")?.split(";")[0] ?? "";
  const authorization = `Bearer ${apiKey}`;
  /** @param {string} path */
  const get = async (path) => (await fetch(url + path, { headers: { authorization } })).json();
  for (let run = 0; run < runs; run++) {
    const started = await fetch(`${url}/demo/jobs`, {
      method: "POST",
      headers: { cookie, origin: url, "content-type": "application/json" },
      body: JSON.stringify({ path: folders[(run * 7) % folders.length], pace: "watchable" }),
    });
    const { operation_id: id } = await started.json();
    while (!["done", "failed"].includes((await get(`/v1/operations/${id}`)).operation?.status)) {
      await sleep(50);
    }
    if (run % 10 === 9) console.error(`${run + 1} of ${runs} runs`);
  }
  console.log(JSON.stringify(await get("/v1/estimates?kind=index-folder"), null, 2));
} finally {
  demo.kill("SIGKILL");
  rmSync(data, { recursive: true, force: true });
}
