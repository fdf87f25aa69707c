import { trackQueue } from "@milepost/bullmq";
import { httpGateway } from "@milepost/producer";
import { Worker } from "bullmq";
import { connectionOf } from "./connection.ts";
import { describeFilm, stages, workOn } from "./films.ts";
import { readSettings } from "./settings.ts";

// A worker process: one worker of each stage. BullMQ gives the jobs of a process that was killed to another one.

const { paceMs, lockMs, apiKey, redisUrl = "" } = readSettings(process.env, []);
const connection = connectionOf(redisUrl);
const gateway = httpGateway({ url: process.env.GATEWAY_URL ?? "", apiKey });

const running = stages.map((queue) => {
  const jobs = trackQueue({ gateway, queue, connection, describe: describeFilm });
  const worker = new Worker(
    queue,
    (job, _token, signal) => workOn(job, jobs.operation(job), paceMs, signal),
    {
      connection,
      lockDuration: lockMs,
      stalledInterval: Math.ceil(lockMs / 2),
      // By default BullMQ gives a job up at its second stall, however it came about: a killed worker, then a killed Redis.
      maxStalledCount: 10,
    },
  );
  worker.on("error", (error) => console.error(`${queue}: ${error.message}`));
  jobs.attach(worker);
  return { jobs, worker };
});
await Promise.all(running.map(({ worker }) => worker.waitUntilReady()));
console.log("ready");

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, async () => {
    // Jobs that run go to another worker at once, rather than when their locks end.
    await Promise.all(running.map(({ worker }) => worker.close()));
    await Promise.all(running.map(({ jobs }) => jobs.close()));
    process.exit(0);
  });
}
