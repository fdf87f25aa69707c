import { appendFileSync, readFileSync } from "node:fs";
import type { QueueLine } from "./judge-queue.ts";

/** Worker process of the queue run; it is killed again and again. Its arguments come from `main.ts`. */
const [name = "", portsFile = "", logFile = "", apiKey = "", lease = "5000", lines = "8"] =
  process.argv.slice(2);
const leaseMs = Number(lease);
let gateway = Math.floor(Math.random() * 8);
let claims = 0;

/** Appends in one system call, so that a killed process leaves whole lines. */
function note(line: QueueLine): void {
  appendFileSync(logFile, `${JSON.stringify(line)}\n`);
}

/** Asks any gateway; undefined when no answer came. */
async function ask(path: string, body: object): Promise<Response | undefined> {
  const ports = readFileSync(portsFile, "utf8").trim().split(" ");
  const port = ports[gateway % ports.length];
  try {
    const response = await fetch(`http://127.0.0.1:${port}/v1/queues/chaos/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(3_000),
    });
    if (response.status < 500 && response.status !== 429) return response;
    await response.body?.cancel();
  } catch {
    // The gateway was killed, or its store is away: try another one.
  }
  gateway++;
  await pause(100);
  return undefined;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function work(line: number): Promise<void> {
  for (;;) {
    const claim = { worker: `${name}.${line}`, claim_id: `${++claims}`, lease_ms: leaseMs };
    let response: Response | undefined;
    // The lease may have begun with any of the attempts.
    const from = Date.now();
    // The same id until an answer comes: the store may have given the ticket already.
    while (response === undefined) response = await ask("claim", claim);
    if (response.status !== 200) {
      await response.body?.cancel();
      await pause(50);
      continue;
    }
    const ticket = (await response.json().catch(() => undefined)) as
      | { id: string; lease: { fence: number } }
      | undefined;
    if (ticket === undefined) continue;
    const { fence } = ticket.lease;
    const own = { ticket: ticket.id, worker: claim.worker, fence };
    note({ kind: "claimed", ...own, lease_ms: leaseMs, from, to: Date.now() });
    await pause(Math.random() * 60);
    for (;;) {
      const asked = Date.now();
      // Said before, since this process may be killed after the store has finished the ticket.
      note({ kind: "finish", ...own, from: asked, to: asked });
      const answer = await ask(`tickets/${encodeURIComponent(ticket.id)}/finish`, { fence });
      await answer?.body?.cancel();
      const status = answer === undefined ? {} : { status: answer.status };
      note({ kind: "finish", ...own, from: asked, to: Date.now(), ...status });
      if (answer !== undefined) break;
    }
  }
}

process.stdout.write("working\n");
process.on("disconnect", () => process.exit());
await Promise.all(Array.from({ length: Number(lines) }, (_, line) => work(line)));
