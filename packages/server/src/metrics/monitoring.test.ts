import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { coreInstruments, type InstrumentRow } from "@milepost/core";
import { describe, expect, it } from "vitest";
import { processInstruments } from "./process-instruments.ts";

interface Dashboards {
  readonly dashboards: readonly {
    readonly uid: string;
    readonly rows: readonly (readonly [
      string,
      readonly { readonly title: string; readonly queries: readonly { readonly expr: string }[] }[],
    ])[];
  }[];
  readonly folder: URL;
  dashboardJson(dashboard: object): object;
  dashboardText(dashboard: object): string;
}

const root = new URL("../../../../", import.meta.url);
const { dashboards, folder, dashboardJson, dashboardText }: Dashboards = await import(
  new URL("scripts/monitoring/dashboards.mjs", root).href
);
const rulesFile = "deploy/prometheus/milepost.rules.yml";
const rules = readFileSync(new URL(rulesFile, root), "utf8");
const alerts = [...rules.matchAll(/- alert: (\S+)/g)].map(([, name = ""]) => name);
const promtool = process.env.MILEPOST_PROMTOOL;

/** Names of all series that the gateway exposes, with the labels of each. */
const series = new Map<string, ReadonlySet<string>>();
const rows: InstrumentRow[] = [
  ...Object.values(coreInstruments),
  ...Object.values(processInstruments),
];
for (const row of rows) {
  const own = "labels" in row ? (row.labels ?? []).map(([label]) => label) : [];
  const labels = "label" in row ? [row.label] : own;
  const common = new Set([...labels, "job", "instance", "worker"]);
  if (row.kind !== "histogram" && row.kind !== "distribution") series.set(row.name, common);
  else {
    series.set(`${row.name}_bucket`, new Set([...common, "le"]));
    for (const end of ["_sum", "_count"]) series.set(`${row.name}${end}`, common);
  }
}

/** Returns what a query names that the gateway does not have: metrics, labels of selectors and of `by`. */
function unknownIn(expr: string): string[] {
  const names = [...expr.matchAll(/milepost_[a-z_]+/g)].map(([name]) => name);
  const unknown = names.filter((name) => !series.has(name));
  for (const [, name = "", selector = ""] of expr.matchAll(/(milepost_[a-z_]+)\{([^}]*)\}/g)) {
    for (const [, label = ""] of selector.matchAll(/([a-z_]+)[!=]~?"/g)) {
      if (series.get(name)?.has(label) !== true) unknown.push(`${name}{${label}}`);
    }
  }
  for (const [, by = "", rest = ""] of expr.matchAll(/by \(([^)]*)\) \((.*?)\)/g)) {
    const name = /milepost_[a-z_]+/.exec(rest)?.[0] ?? "";
    if (name === "") continue;
    for (const label of by.split(",").map((text) => text.trim())) {
      if (series.get(name)?.has(label) !== true) unknown.push(`${name} by ${label}`);
    }
  }
  return unknown;
}

describe("the dashboards", () => {
  it("[P-MET-8] the files of the dashboards are those that the code makes (rewrite them with `npm run dashboards`)", () => {
    expect(readdirSync(folder).sort()).toEqual(dashboards.map(({ uid }) => `${uid}.json`).sort());
    for (const dashboard of dashboards) {
      const text = readFileSync(new URL(`${dashboard.uid}.json`, folder), "utf8");
      expect(text, dashboard.uid).toBe(dashboardText(dashboard));
    }
  });

  it("[P-MET-8] every query of a dashboard names metrics and labels that the gateway has", () => {
    expect(
      unknownIn('sum by (who) (rate(milepost_gaps_total{x="1"}[5m])) + milepost_none'),
    ).toEqual(["milepost_none", "milepost_gaps_total{x}", "milepost_gaps_total by who"]);
    for (const { uid, rows } of dashboards) {
      for (const { title, queries } of rows.flatMap(([, panels]) => panels)) {
        for (const { expr } of queries) expect(unknownIn(expr), `${uid}: ${title}`).toEqual([]);
      }
    }
  });

  it("the panels of a dashboard do not overlap, and each has an id and a title of its own", () => {
    for (const dashboard of dashboards) {
      const { panels } = dashboardJson(dashboard) as {
        panels: {
          id: number;
          type: string;
          title: string;
          gridPos: { x: number; y: number; w: number; h: number };
        }[];
      };
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
      const titles = panels.filter(({ type }) => type !== "row").map(({ title }) => title);
      expect(new Set(titles).size).toBe(titles.length);
      const cells = panels.map(({ gridPos: { x, y } }) => `${x} ${y}`);
      expect(new Set(cells).size).toBe(cells.length);
    }
  });
});

describe("the alerts", () => {
  it("[P-MET-9] every alert has a page that says what to do, a test with series, and a line in the list", () => {
    const tests = readFileSync(new URL("deploy/prometheus/milepost.test.yml", root), "utf8");
    const list = readFileSync(new URL("docs/runbooks/README.md", root), "utf8");
    for (const alert of alerts) {
      expect(existsSync(new URL(`docs/runbooks/${alert}.md`, root)), alert).toBe(true);
      expect(rules).toContain(`docs/runbooks/${alert}.md\n`);
      expect(tests, alert).toContain(alert);
      expect(list).toContain(`(${alert}.md)`);
    }
    const pages = readdirSync(new URL("docs/runbooks/", root)).filter(
      (name) => name !== "README.md",
    );
    expect(pages.sort()).toEqual(alerts.map((alert) => `${alert}.md`).sort());
  });

  it("[P-MET-9] every alert names metrics and labels that the gateway has", () => {
    const [, ...each] = rules.split(/^ {6}- alert: /m);
    for (const text of each) expect(unknownIn(text.replaceAll("\n", " "))).toEqual([]);
  });

  it("the composition of Prometheus, Alertmanager and Grafana mounts files that exist", () => {
    const compose = readFileSync(new URL("deploy/monitoring/compose.yaml", root), "utf8");
    const mounted = [...compose.matchAll(/- (\.\.\/[^:]+):/g)].map(([, path = ""]) => path);
    expect(mounted).toHaveLength(6);
    // Paths begin at the folder of the first file of the composition.
    const missing = mounted.filter((path) => !existsSync(new URL(path, `${root}deploy/haproxy/`)));
    expect(missing).toEqual([]);
  });

  // CI installs promtool; elsewhere `apt-get install prometheus` brings it.
  it.skipIf(promtool === undefined)(
    "[P-MET-9] promtool accepts the rules, and each alert fires and stays silent for the series of its test",
    () => {
      const cwd = fileURLToPath(root);
      const run = (...args: string[]) =>
        execFileSync(promtool ?? "", args, { cwd, encoding: "utf8", stdio: "pipe" });
      expect(run("check", "rules", rulesFile)).toContain("SUCCESS");
      expect(run("test", "rules", "deploy/prometheus/milepost.test.yml")).toContain("SUCCESS");
      expect(run("check", "config", "--syntax-only", "deploy/monitoring/prometheus.yml")).toContain(
        "SUCCESS",
      );
    },
  );
});
