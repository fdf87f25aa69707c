import type { LoadReport } from "@milepost/load";
import type { ChaosVerdict, Happened, Sample } from "./chaos-run.ts";

const width = 1_000;
const left = 130;
const rowHeight = 16;

/** Returns the report of a run as Markdown; `picture` is the file name of its timeline. */
export function markdownOf(verdict: ChaosVerdict, picture: string): string {
  const { seed, startedAt, durationMs, happened, violations, impossible, loadFailures } = verdict;
  const lines = [
    `# Chaos run ${seed}: ${violations.length === 0 ? "no violations" : `${violations.length} violations`}`,
    "",
    `Started ${startedAt}, ${minutes(durationMs)}, ${happened.length} faults. Run it again with \`npm run chaos -- --seed ${seed} --minutes ${Math.round(durationMs / 60_000)}\`: the same faults`,
    "in the same order, though not at the same microsecond.",
    "",
    ...table(["figure", "value"], figuresOf(verdict)),
    "",
    `![Timeline](${picture})`,
    "",
    "## Faults",
    "",
    ...table(
      ["fault", "times", "recovered p50", "recovered max"],
      byFault(happened).map(({ name, times, p50, max }) => [name, times, ms(p50), ms(max)]),
    ),
    "",
    "Recovered: from the end of the fault until a further publish was acknowledged in every channel, and each of 9 readers had",
    "everything up to it.",
    ...(impossible.length === 0 ? [] : ["", "Left out on this machine:", ""]),
    ...impossible.map(({ fault, reason }) => `- \`${fault}\`: ${reason}`),
    "",
    "## Violations",
    "",
    ...(violations.length === 0
      ? ["None."]
      : violations
          .slice(0, 50)
          .map(({ id, says, t, line }) => `- ${id} at ${t} ms, record ${line}: ${says}`)),
    ...(violations.length > 50 ? [`- and ${violations.length - 50} more, see the journal`] : []),
    ...(loadFailures.length === 0
      ? []
      : [
          "",
          "Runs of the load tool that could not be made:",
          "",
          ...loadFailures.map((one) => `- ${one}`),
        ]),
    "",
    "## Every fault",
    "",
    ...table(
      ["at", "fault", "what happened", "recovered"],
      happened.map(({ fault, did, startedAt, recoveredMs }) => [
        ...[`${(startedAt / 1_000).toFixed(1)} s`, fault, did],
        ms(recoveredMs),
      ]),
    ),
    "",
  ];
  return lines.join("\n");
}

/** Returns the report of a run as one page of HTML with its timeline. */
export function htmlOf(verdict: ChaosVerdict): string {
  const { seed, startedAt, durationMs, happened, violations } = verdict;
  const row = (cells: readonly unknown[], tag = "td") =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(String(cell))}</${tag}>`).join("")}</tr>`;
  const rows = (head: readonly string[], body: readonly (readonly unknown[])[]) =>
    `<table>${row(head, "th")}${body.map((cells) => row(cells)).join("\n")}</table>`;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Chaos run ${seed}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem; color: #212529 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { border: 1px solid #ced4da; padding: .2rem .6rem; text-align: left }
svg { width: 100%; height: auto } .bad { color: #c92a2a } .good { color: #2b8a3e }
</style>
<h1>Chaos run ${seed}: <span class="${violations.length === 0 ? "good" : "bad"}">${violations.length === 0 ? "no violations" : `${violations.length} violations`}</span></h1>
<p>Started ${escaped(startedAt)}, ${minutes(durationMs)}, ${happened.length} faults.</p>
${rows(["figure", "value"], figuresOf(verdict))}
<h2>Timeline</h2>
${timelineOf(verdict)}
<h2>Faults</h2>
${rows(
  ["fault", "times", "recovered p50", "recovered max"],
  byFault(happened).map(({ name, times, p50, max }) => [name, times, ms(p50), ms(max)]),
)}
<h2>Violations</h2>
${
  violations.length === 0
    ? "<p>None.</p>"
    : rows(
        ["id", "at", "record", "says"],
        violations.map(({ id, t, line, says }) => [id, `${Math.round(t)} ms`, line, says]),
      )
}
<h2>Every fault</h2>
${rows(
  ["at", "fault", "what happened", "recovered"],
  happened.map(({ fault, did, startedAt, recoveredMs }) => [
    ...[`${(startedAt / 1_000).toFixed(1)} s`, fault, did],
    ms(recoveredMs),
  ]),
)}
</html>
`;
}

/** Returns the timeline of a run as SVG: faults as bars, deliveries, and publishes that were not acknowledged. */
export function timelineOf({ happened, samples, durationMs, seed }: ChaosVerdict): string {
  const names = [...new Set(happened.map(({ fault }) => fault))].sort();
  const top = 26;
  const faultsEnd = top + names.length * rowHeight;
  const height = faultsEnd + 260;
  const x = (at: number) => left + (at / Math.max(1, durationMs)) * (width - left - 40);
  const bars = happened.map(({ fault, did, startedAt, endedAt, recoveredMs }) => {
    const y = top + names.indexOf(fault) * rowHeight;
    const end = endedAt + (recoveredMs ?? 30_000);
    const colour = recoveredMs === undefined ? "#c92a2a" : "#1c7ed6";
    return [
      `<rect x="${n(x(endedAt))}" y="${y + 3}" width="${n(Math.max(0.5, x(end) - x(endedAt)))}" height="8" fill="#ffc078"/>`,
      `<rect x="${n(x(startedAt))}" y="${y + 2}" width="${n(Math.max(1.5, x(endedAt) - x(startedAt)))}" height="10" fill="${colour}"><title>${escaped(did)}</title></rect>`,
    ].join("");
  });
  const labels = names.map(
    (name, i) =>
      `<text x="${left - 8}" y="${top + i * rowHeight + 11}" text-anchor="end">${name}</text>`,
  );
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = n(x(durationMs * share));
    return `<line x1="${at}" x2="${at}" y1="${top}" y2="${height - 20}" stroke="#e9ecef"/><text x="${at}" y="${height - 6}" text-anchor="middle">${minutes(durationMs * share)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="11" role="img">
<title>Timeline of chaos run ${seed}</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="${left}" y="14">Faults (blue), and the time until publishes were acknowledged and received again (orange)</text>
${grid.join("\n")}
${labels.join("\n")}
${bars.join("\n")}
${curve(samples, ({ deliveries }) => deliveries, "deliveries to the judged readers a second", faultsEnd + 30, "#0b7285", x)}
${curve(samples, ({ refused }) => refused, "attempts to publish that were not acknowledged, a second", faultsEnd + 140, "#e8590c", x)}
</svg>`;
}

function curve(
  samples: readonly Sample[],
  of: (sample: Sample) => number,
  title: string,
  top: number,
  colour: string,
  x: (at: number) => number,
): string {
  const height = 80;
  const rates = samples.map((sample, i) => {
    const before = samples[i - 1];
    const seconds = (sample.at - (before?.at ?? 0)) / 1_000;
    const count = of(sample) - (before === undefined ? 0 : of(before));
    return { at: sample.at, value: count / Math.max(0.001, seconds) };
  });
  const most = Math.max(1, ...rates.map(({ value }) => value));
  const points = rates
    .map(({ at, value }) => `${n(x(at))},${n(top + height - (value / most) * height)}`)
    .join(" ");
  return [
    `<text x="${left}" y="${top - 4}">${title}; at most ${Math.round(most)}</text>`,
    `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="1.2"/>`,
  ].join("\n");
}

function figuresOf(verdict: ChaosVerdict): readonly (readonly [string, unknown])[] {
  const { stored, refused, deliveries, gaps, resets, load, violations, happened } = verdict;
  const recoveries = sortedRecoveries(happened);
  return [
    ["violations", violations.length],
    ["entries acknowledged", stored],
    ["attempts that were not acknowledged, and repeated", refused],
    ["deliveries to the judged readers", deliveries],
    ["gaps / resets", `${gaps} / ${resets}`],
    ["recovered p50 / max", `${ms(recoveries[recoveries.length >> 1])} / ${ms(recoveries.at(-1))}`],
    ["runs of the load tool beside it", load.length],
    ["their connections opened", sum(load, ({ connect }) => connect.opened)],
    [
      "their connections that the faults ended",
      sum(load, ({ disconnects }) => disconnects.reduce((all, { count }) => all + count, 0)),
    ],
    ["their publications accepted", sum(load, ({ publish }) => publish.accepted)],
    ["their deliveries", sum(load, ({ delivery }) => delivery.delivered)],
    [
      "their deliveries that a connected reader missed / had twice",
      `${sum(load, ({ delivery }) => delivery.missing)} / ${sum(load, ({ delivery }) => delivery.repeated)}`,
    ],
  ];
}

function byFault(happened: readonly Happened[]) {
  return [...new Set(happened.map(({ fault }) => fault))].sort().map((name) => {
    const recoveries = sortedRecoveries(happened.filter(({ fault }) => fault === name));
    const p50 = recoveries[recoveries.length >> 1];
    return { name, times: recoveries.length, p50, max: recoveries.at(-1) };
  });
}

function sortedRecoveries(happened: readonly Happened[]): readonly number[] {
  return happened
    .map(({ recoveredMs }) => recoveredMs ?? Number.POSITIVE_INFINITY)
    .sort((a, b) => a - b);
}

function sum(reports: readonly LoadReport[], of: (report: LoadReport) => number): number {
  return reports.reduce((all, report) => all + of(report), 0);
}

function table(head: readonly string[], rows: readonly (readonly unknown[])[]): string[] {
  const line = (cells: readonly unknown[]) =>
    `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}

function ms(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return "never";
  return value < 1_000 ? `${Math.round(value)} ms` : `${(value / 1_000).toFixed(1)} s`;
}

function minutes(value: number): string {
  return `${(value / 60_000).toFixed(1)} min`;
}

function n(value: number): string {
  return value.toFixed(1);
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}
