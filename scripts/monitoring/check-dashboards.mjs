// Runs every query of every dashboard against a real Prometheus that scrapes two gateways under load. Fails when a query
// is refused, has no data, or has only values that are not numbers. Run it with `npm run dashboards:check`.
import { setTimeout as pause } from "node:timers/promises";
import { dashboards } from "./dashboards.mjs";
import { putLoad } from "./load.mjs";
import { startGateway, startPrometheus, startRedis } from "./rig.mjs";

const loadMs = 25_000;

const redis = await startRedis();
const settings = { redis: redis.url };
const gateways = [await startGateway(settings), await startGateway(settings)];
const prometheus = await startPrometheus(gateways.map(({ metricsPort }) => metricsPort));
const load = putLoad(gateways.map(({ url }) => url));
await pause(loadMs);

let queries = 0;
const empty = [];
for (const { uid, rows } of dashboards) {
  for (const { title, queries: own } of rows.flatMap(([, panels]) => panels)) {
    for (const { expr } of own) {
      queries++;
      const query = expr
        .replaceAll("$__rate_interval", "15s")
        .replaceAll("$job", ".*")
        .replaceAll("$instance", ".*");
      const answer = await fetch(`${prometheus}/api/v1/query?query=${encodeURIComponent(query)}`);
      const { status, error, data } = await answer.json();
      const values = /** @type {{ value: [number, string] }[]} */ (data?.result ?? []).map(
        ({ value: [, text] }) => Number(text),
      );
      const hasData = values.some((value) => Number.isFinite(value));
      if (status !== "success" || !hasData)
        empty.push(`${uid}: ${title}: ${error ?? "no data"}: ${expr}`);
    }
  }
}
await load.stop();
console.log(
  `${queries - empty.length} of ${queries} queries of ${dashboards.length} dashboards have data`,
);
for (const line of empty) console.error(line);
process.exit(empty.length === 0 ? 0 : 1);
