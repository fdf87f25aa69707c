import type { LatencyFigures } from "./latencies.ts";
import type { LoadReport } from "./report.ts";
import type { Counted } from "./tally.ts";
import { byteWords, numberWords, timeWords } from "./words.ts";

/** Returns a report in lines for people. */
export function summaryOf(report: LoadReport): readonly string[] {
  const { machine, shape, target, connect, publish, delivery, disconnects, server, generator } =
    report;
  const lines = [
    `milepost bench ${report.profile} on ${target.url}, ${report.startedAt}`,
    `generator: ${machine.cpu}, ${machine.cores} cores, ${machine.platform}, Node ${machine.node}, load ${machine.load} before`,
    `${numberWords(shape.connections)} connections at ${numberWords(shape.connectRate)}/s, ${numberWords(shape.channels)} channels, ${numberWords(shape.rate)} publications/s of ${shape.bytes} bytes for ${shape.seconds} s`,
    "",
    row("", ["p50", "p90", "p99", "p99.9", "max"]),
    latencyRow("connect", connect.latency),
    latencyRow("publish", publish.latency),
    latencyRow("deliver", delivery.latency),
    "",
    `connected   ${numberWords(connect.opened)} of ${numberWords(connect.asked)}, ${numberWords(connect.perSecond)}/s`,
    ...counted("not connected", connect.failures),
    ...counted("disconnected", disconnects),
    `published   ${numberWords(publish.accepted)} of ${numberWords(publish.scheduled)}, ${numberWords(publish.acceptedPerSecond)}/s`,
    ...counted("refused", publish.refusals),
    `delivered   ${numberWords(delivery.delivered)}, ${numberWords(delivery.perSecond)}/s, ${delivery.bytesPerDelivery} bytes each on the wire`,
    `lost        ${delivery.missing}, repeated or late ${delivery.repeated}${publish.uncertain > 0 ? `, ${publish.uncertain} publications of unknown outcome` : ""}`,
  ];
  if (server !== undefined) {
    lines.push(
      `gateway     ${byteWords(server.residentBytes)} resident, ${byteWords(server.bytesPerConnection)} a connection, ${server.cores} cores, ${numberWords(server.cpuUsPerDelivery)} µs a delivery, ${numberWords(server.cpuUsPerConnect)} µs a connect`,
    );
  }
  const shares = generator.processes.map(({ cpuShare }) => `${Math.round(cpuShare * 100)} %`);
  lines.push(
    `generator   ${shares.join(", ")} of a core each; all cores of the machine ${Math.round(generator.machineShare * 100)} % busy`,
  );
  if (report.wasInterrupted) lines.push("The run was interrupted; its figures are of a part.");
  for (const warning of report.warnings) lines.push(`warning: ${warning}`);
  return lines;
}

function latencyRow(name: string, figures: LatencyFigures): string {
  if (figures.count === 0) return row(name, ["-", "-", "-", "-", "-"]);
  const { p50Us, p90Us, p99Us, p999Us, maxUs } = figures;
  return row(name, [p50Us, p90Us, p99Us, p999Us, maxUs].map(timeWords));
}

function row(name: string, cells: readonly string[]): string {
  return `${name.padEnd(10)}${cells.map((cell) => cell.padStart(10)).join("")}`;
}

function counted(name: string, reasons: readonly Counted[]): readonly string[] {
  return reasons.map(({ reason, count }) => `  ${name}: ${numberWords(count)} × ${reason}`);
}
