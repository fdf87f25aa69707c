// Renders the chart into the plain manifests of deploy/kubernetes. It needs helm 3: on the path, or named by MILEPOST_HELM.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { chart, header, manifests, rendered } from "./chart.mjs";

const helm = process.env.MILEPOST_HELM ?? "helm";
for (const { file, flags } of rendered) {
  const text = execFileSync(
    helm,
    [
      "template",
      "milepost",
      chart,
      "--namespace",
      "milepost",
      "--kube-version",
      "1.31.0",
      ...flags,
    ],
    { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
  );
  writeFileSync(join(manifests, file), header() + text);
  console.log(`deploy/kubernetes/${file}`);
}
