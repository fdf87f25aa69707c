import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../workspaces.mjs";

/** Folder of the chart. */
export const chart = join(root, "deploy/helm/milepost");

/** Folder of the manifests that the chart renders with its own values. */
export const manifests = join(root, "deploy/kubernetes");

/**
 * Manifests, each with the flags that render it.
 *
 * @type {readonly { file: string, flags: readonly string[] }[]}
 */
export const rendered = [
  { file: "milepost.yaml", flags: ["--set", "monitoring.enabled=false,ingress.enabled=true"] },
  {
    file: "monitoring.yaml",
    flags: ["--set", "monitoring.dashboards=false", "--show-only", "templates/monitoring.yaml"],
  },
];

/** Hash of everything in the chart that the manifests depend on. Helm is not where tests run, so they compare this. */
export function chartHash() {
  const files = [
    "Chart.yaml",
    "values.yaml",
    ...readdirSync(join(chart, "templates"))
      .sort()
      .map((name) => `templates/${name}`),
    "files/milepost.rules.yml",
  ];
  const hash = createHash("sha256");
  for (const file of files)
    hash
      .update(file)
      .update("\0")
      .update(readFileSync(join(chart, file)));
  return hash.digest("hex").slice(0, 16);
}

/** First lines of a manifest. */
export function header() {
  return `# Rendered by helm from deploy/helm/milepost ${chartHash()}; change the chart, then: npm run kubernetes\n`;
}
