import { latenciesOf } from "./latencies.ts";
import type { LoadReport } from "./report.ts";
import { numberWords, timeWords } from "./words.ts";

const width = 860;
const panelHeight = 200;
const margin = { left: 76, right: 20, top: 44, gap: 64 };
const plotWidth = width - margin.left - margin.right;
const percents = [0, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99] as const;
const colours = { connect: "#7a5195", publish: "#ef8a17", delivery: "#0b7285" } as const;

interface Panel {
  readonly top: number;
  readonly title: string;
}

/** Returns a picture of a run as SVG: latencies by percentile, deliveries and their 99th percentile by second. */
export function chartOf(report: LoadReport): string {
  const panels = [0, 1, 2].map((i) => margin.top + 24 + i * (panelHeight + margin.gap));
  const height = (panels[2] ?? 0) + panelHeight + 50;
  const { shape, target, profile, startedAt } = report;
  const title = `milepost bench ${profile}: ${numberWords(shape.connections)} connections, ${numberWords(shape.rate)} publications/s, ${target.url}, ${startedAt.slice(0, 16)}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(margin.left, 24, title, 'font-size="14" font-weight="600"'),
    percentilePanel(report, panels[0] ?? 0),
    secondsPanel(
      report,
      { top: panels[1] ?? 0, title: "Deliveries a second" },
      ({ deliveries }) => deliveries,
      numberWords,
    ),
    secondsPanel(
      report,
      { top: panels[2] ?? 0, title: "p99 of deliveries, by second" },
      ({ p99Us }) => p99Us,
      timeWords,
    ),
    "</svg>",
    "",
  ].join("\n");
}

function percentilePanel(report: LoadReport, top: number): string {
  const lines = (["connect", "publish", "delivery"] as const).flatMap((part) => {
    const { count, hdr } = report[part].latency;
    if (count === 0) return [];
    const latencies = latenciesOf(hdr);
    return [{ part, values: percents.map((percent) => latencies.percentile(percent)) }];
  });
  const all = lines.flatMap(({ values }) => values).filter((value) => value > 0);
  const low = 10 ** Math.floor(Math.log10(Math.max(1, Math.min(...all, 1_000))));
  const high = 10 ** Math.ceil(Math.log10(Math.max(...all, 10_000)));
  const y = (us: number) =>
    top +
    panelHeight -
    (Math.log10(Math.max(us, low) / low) / Math.log10(high / low)) * panelHeight;
  const x = (i: number) => margin.left + (i / (percents.length - 1)) * plotWidth;
  const parts = [frame({ top, title: "Latency by percentile, from the moment it was due" })];
  for (let us = low; us <= high; us *= 10) parts.push(rule(y(us), timeWords(us)));
  percents.forEach((percent, i) => {
    parts.push(text(x(i), top + panelHeight + 18, percent === 0 ? "min" : `p${percent}`, middle));
  });
  lines.forEach(({ part, values }, i) => {
    parts.push(
      polyline(
        values.map((us, at) => [x(at), y(us)] as const),
        colours[part],
      ),
    );
    parts.push(
      `<rect x="${margin.left + 10 + i * 90}" y="${top + 10}" width="10" height="10" fill="${colours[part]}"/>`,
      text(margin.left + 25 + i * 90, top + 19, part),
    );
  });
  return parts.join("\n");
}

function secondsPanel(
  { timeline }: LoadReport,
  panel: Panel,
  of: (second: LoadReport["timeline"][number]) => number,
  words: (value: number) => string,
): string {
  const { top } = panel;
  const last = Math.max(1, timeline.at(-1)?.at ?? 1);
  const most = Math.max(1, ...timeline.map(of));
  const y = (value: number) => top + panelHeight - (value / most) * panelHeight;
  const x = (at: number) => margin.left + (at / last) * plotWidth;
  const points = timeline.map((second) => [x(second.at), y(of(second))] as const);
  return [
    frame(panel),
    ...[0, 0.5, 1].map((share) => rule(y(most * share), words(most * share))),
    ...[0, 0.5, 1].map((share) =>
      text(x(last * share), top + panelHeight + 18, `${Math.round(last * share)} s`, middle),
    ),
    polyline(points, colours.delivery),
  ].join("\n");
}

const middle = 'text-anchor="middle"';

function frame({ top, title }: Panel): string {
  return [
    text(margin.left, top - 8, title, 'font-weight="600"'),
    `<rect x="${margin.left}" y="${top}" width="${plotWidth}" height="${panelHeight}" fill="none" stroke="#ced4da"/>`,
  ].join("\n");
}

function rule(y: number, label: string): string {
  return [
    `<line x1="${margin.left}" x2="${margin.left + plotWidth}" y1="${fixed(y)}" y2="${fixed(y)}" stroke="#e9ecef"/>`,
    text(margin.left - 8, y + 4, label, 'text-anchor="end"'),
  ].join("\n");
}

function polyline(points: readonly (readonly [number, number])[], colour: string): string {
  const list = points.map(([x, y]) => `${fixed(x)},${fixed(y)}`).join(" ");
  return `<polyline points="${list}" fill="none" stroke="${colour}" stroke-width="2"/>`;
}

function text(x: number, y: number, words: string, more = ""): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" fill="#212529" ${more}>${escaped(words)}</text>`;
}

function fixed(value: number): string {
  return value.toFixed(1);
}

function escaped(words: string): string {
  return words.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}
