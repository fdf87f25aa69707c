import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  PrometheusRule,
  ServiceMonitor,
} from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";
import { validate as lintDockerfile } from "dockerfile-utils";
import { Deployment } from "kubernetes-models/apps/v1";
import { HorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2";
import { Ingress, NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1";
import { ConfigMap, Namespace, Service } from "kubernetes-models/v1";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { root } from "../workspaces.mjs";
import { chartHash, header, manifests, rendered } from "./chart.mjs";

/** Parsed YAML. Tests look into it, so a field that is missing shows as undefined. */
// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests check.
type Yaml = any;

const read = (path: string) => readFileSync(join(root, path), "utf8");
const folders = (path: string) => readdirSync(join(root, path), { recursive: true }).map(String);

const kinds: Readonly<Record<string, new (data: Yaml) => { validate(): void }>> = {
  ConfigMap,
  Deployment,
  HorizontalPodAutoscaler,
  Ingress,
  Namespace,
  NetworkPolicy,
  PodDisruptionBudget,
  PrometheusRule,
  Service,
  ServiceMonitor,
};

/** Objects of the manifests, by kind and name. */
function objects(): Map<string, Yaml> {
  const found = new Map<string, Yaml>();
  for (const file of ["namespace.yaml", ...rendered.map((one) => one.file)]) {
    for (const document of parseAllDocuments(readFileSync(join(manifests, file), "utf8"))) {
      expect(document.errors, file).toEqual([]);
      const object: Yaml = document.toJS();
      if (object !== null) found.set(`${object.kind} ${object.metadata.name}`, object);
    }
  }
  return found;
}

describe("the files of deploy", () => {
  it("every YAML file of deploy that is no template is YAML", () => {
    const files = folders("deploy").filter((path) => /\.ya?ml$/.test(path));
    expect(files.length).toBeGreaterThan(12);
    for (const path of files.filter((one) => !one.includes("/templates/"))) {
      for (const { errors } of parseAllDocuments(read(`deploy/${path}`), { merge: true })) {
        expect(errors, path).toEqual([]);
      }
    }
  });

  it("the Dockerfile passes its linter, pins its images, and ends as a user that is not root", () => {
    const text = read("deploy/Dockerfile");
    expect(lintDockerfile(text)).toEqual([]);
    const lines = text.split("\n").filter((line) => !line.startsWith("#"));
    const images = lines.filter((line) => line.startsWith("FROM "));
    expect(images.length).toBe(2);
    for (const line of images) expect(line).toMatch(/^FROM node:\d+\.\d+\.\d+-[a-z]+-slim/);
    expect(lines.filter((line) => line.startsWith("USER ")).at(-1)).toBe("USER 1000:1000");
    for (const word of ["HEALTHCHECK ", "LABEL ", "STOPSIGNAL SIGTERM"])
      expect(text).toContain(word);
    // An exec form: a shell would not pass the signal on.
    expect(lines.at(-2)).toMatch(/^CMD \[/);
  });

  it("every container of the compositions has a pinned image, a read-only root, a health check and no way to gain rights", () => {
    const paths = ["haproxy", "nginx", "monitoring"].map((name) => `deploy/${name}/compose.yaml`);
    const names: string[] = [];
    for (const path of paths) {
      const { services }: Yaml = parse(read(path), { merge: true });
      for (const [name, service] of Object.entries<Yaml>(services)) {
        const what = `${path}: ${name}`;
        names.push(name);
        // In the third file, a node has only what is added to it.
        if (path.includes("monitoring") && name.startsWith("node")) continue;
        if (service.image === undefined) expect(service.build.dockerfile).toBe("deploy/Dockerfile");
        else expect(service.image, what).toMatch(/^[a-z/-]+:v?\d+\.\d+\.\d+(-[a-z0-9]+)?$/);
        expect(service.read_only, what).toBe(true);
        expect(service.security_opt, what).toEqual(["no-new-privileges:true"]);
        expect(service.restart, what).toBe("unless-stopped");
        // Nodes have that of their image.
        if (service.image !== undefined) expect(service.healthcheck?.test, what).toBeDefined();
        else expect(service.user, what).toBe("1000:1000");
        for (const volume of service.volumes ?? []) {
          const [source] = String(volume).split(":");
          if (!source?.startsWith("../") && !source?.startsWith("./")) continue;
          expect(existsSync(join(root, path, "..", source)), `${what}: ${source}`).toBe(true);
        }
      }
    }
    expect(names.length).toBe(5 + 5 + 6);
  });

  it("the workflow that publishes may sign and nothing more, needs the tests, and publishes with provenance", () => {
    const { permissions, jobs }: Yaml = parse(read(".github/workflows/publish.yml"));
    expect(permissions).toEqual({});
    expect(jobs.test.permissions).toEqual({ contents: "read" });
    expect(jobs.publish.permissions).toEqual({ contents: "read", "id-token": "write" });
    expect(jobs.publish.needs).toBe("test");
    const steps = jobs.publish.steps.map(({ run = "" }: Yaml) => run).join("\n");
    expect(steps).toContain("--provenance");
    // A token would have to be kept secret, and would outlive the run.
    expect(read(".github/workflows/publish.yml")).not.toMatch(/secrets\.|NPM_TOKEN/);
  });

  it.skipIf(!existsSync("/usr/bin/systemd-analyze"))("systemd accepts the unit", () => {
    const unit = join(root, "deploy/systemd/milepost.service");
    // It prints what it does not accept, and also complaints about other units of the machine.
    const printed = execFileSync("/usr/bin/systemd-analyze", ["verify", unit], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    expect(printed).not.toContain("milepost");
  });
});

describe("the chart and the manifests", () => {
  it("the manifests are those that the chart renders (render them again with `npm run kubernetes`)", () => {
    for (const { file } of rendered) {
      expect(readFileSync(join(manifests, file), "utf8"), file).toContain(chartHash());
      expect(readFileSync(join(manifests, file), "utf8").startsWith(header()), file).toBe(true);
    }
  });

  it("every manifest is valid by the schemas of Kubernetes and of the Prometheus operator", () => {
    for (const [name, object] of objects()) {
      const Kind = kinds[object.kind];
      if (Kind === undefined) throw new Error(`no schema of ${name}`);
      expect(() => new Kind(object).validate(), name).not.toThrow();
      // The schemas are not just loaded: a wrong type is refused.
      expect(() => new Kind({ ...object, metadata: { name: 1 } }).validate(), name).toThrow();
    }
  });

  it("a pod runs without root, without rights and on a read-only root, and its secrets are references", () => {
    const { spec } = objects().get("Deployment milepost").spec.template;
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(spec).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
    const [container] = spec.containers;
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    const secrets = container.env.filter(({ name }: Yaml) => /SECRET|KEY|REDIS/.test(name));
    expect(secrets.map(({ valueFrom }: Yaml) => valueFrom.secretKeyRef.name)).toEqual(
      Array(3).fill("milepost"),
    );
  });

  it("a pod that stops has time for the balancer to learn of it, then for the drain, then 5 s", () => {
    const { spec } = objects().get("Deployment milepost").spec.template;
    const [{ env, lifecycle, livenessProbe, readinessProbe }] = spec.containers;
    const drainMs = env.find(({ name }: Yaml) => name === "MILEPOST_DRAIN_MS").value;
    const [, seconds] = lifecycle.preStop.exec.command;
    expect(spec.terminationGracePeriodSeconds).toBe(Number(seconds) + drainMs / 1_000 + 5);
    expect(livenessProbe.httpGet.path).toBe("/livez");
    // A node without its Redis still serves its readers, so it stays in service.
    expect(readinessProbe.httpGet.path).toBe("/ws/health");
  });

  it("nodes are replaced one at a time, and the autoscaler counts connections that an adapter gives it", () => {
    const all = objects();
    expect(all.get("PodDisruptionBudget milepost").spec.maxUnavailable).toBe(1);
    expect(all.get("Deployment milepost").spec.strategy.rollingUpdate).toEqual({
      maxUnavailable: 0,
      maxSurge: 1,
    });
    const [{ pods }] = all.get("HorizontalPodAutoscaler milepost").spec.metrics;
    const { rules }: Yaml = parse(read("deploy/kubernetes/prometheus-adapter.yaml"));
    expect(rules.custom[0].name.as).toBe(pods.metric.name);
    const { config, autoscaling }: Yaml = parse(read("deploy/helm/milepost/values.yaml"));
    expect(Number(pods.target.averageValue)).toBe(autoscaling.connectionsPerPod);
    expect(autoscaling.connectionsPerPod).toBeLessThan(0.7 * config.limits.maxConnections);
  });

  it("Prometheus finds the port of the metrics, may reach it, and has every alert", () => {
    const all = objects();
    const monitor = all.get("ServiceMonitor milepost").spec;
    const { metadata, spec } = all.get("Service milepost-metrics");
    expect(metadata.labels).toMatchObject(monitor.selector.matchLabels);
    expect(spec.ports[0].name).toBe(monitor.endpoints[0].port);
    const { ingress } = all.get("NetworkPolicy milepost").spec;
    expect(ingress.map(({ ports }: Yaml) => ports[0].port)).toEqual(["http", "metrics"]);
    expect(all.get("PrometheusRule milepost").spec).toEqual(
      parse(read("deploy/prometheus/milepost.rules.yml")),
    );
    // The job that the operator names is that of the Service, which the alerts look for.
    expect(metadata.name).toMatch(/milepost/);
  });
});
