import type { Verdict } from "./round.ts";

/**
 * Returns a table with one row per fault: its rounds, stored entries, gaps, resets, times to the head, and
 * violations.
 */
export function tableOf(verdicts: readonly Verdict[]): string {
  const names = [...new Set(verdicts.map(({ fault }) => fault))];
  const rows = names.map((name) => {
    const own = verdicts.filter(({ fault }) => fault === name);
    const heads = own.map(({ toHeadMs }) => toHeadMs ?? Number.POSITIVE_INFINITY);
    heads.sort((a, b) => a - b);
    const sum = (of: (verdict: Verdict) => number) => own.reduce((all, one) => all + of(one), 0);
    return [
      name,
      own.length,
      sum(({ stored }) => stored),
      sum(({ gaps }) => gaps),
      sum(({ resets }) => resets),
      seconds(heads[Math.floor(heads.length / 2)]),
      seconds(heads.at(-1)),
      sum(({ violations }) => violations.length),
    ];
  });
  const head = [
    "fault",
    "rounds",
    "stored",
    "gaps",
    "resets",
    "head p50",
    "head max",
    "violations",
  ];
  const line = (cells: readonly unknown[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function seconds(ms = Number.POSITIVE_INFINITY): string {
  return Number.isFinite(ms) ? `${(ms / 1_000).toFixed(1)} s` : "never";
}
