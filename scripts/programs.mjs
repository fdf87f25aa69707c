import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * Programs from outside npm that some tests need. `env` names the variable that gives the tests the program's
 * path; the tests skip themselves when it is unset.
 */
export const programs = [
  {
    name: "chromium",
    commands: ["chromium", "chromium-browser"],
    debianPackage: "chromium",
    env: "MILEPOST_CHROMIUM",
    neededBy: "the browser tests",
  },
  {
    name: "redis-server",
    commands: ["redis-server"],
    debianPackage: "redis-server",
    env: "MILEPOST_REDIS_SERVER",
    neededBy: "the Redis tests",
  },
  {
    name: "haproxy",
    commands: ["haproxy", "/usr/sbin/haproxy"],
    debianPackage: "haproxy",
    env: "MILEPOST_HAPROXY",
    neededBy: "the tests of the load balancers",
  },
  {
    name: "nginx",
    commands: ["nginx", "/usr/sbin/nginx"],
    debianPackage: "nginx-light",
    env: "MILEPOST_NGINX",
    neededBy: "the tests of the load balancers",
  },
  {
    name: "openssl",
    commands: ["openssl"],
    debianPackage: "openssl",
    env: "MILEPOST_OPENSSL",
    neededBy: "the TLS tests",
  },
  {
    name: "python3",
    commands: ["python3"],
    debianPackage: "python3",
    env: "MILEPOST_PYTHON",
    neededBy: "the check of the vectors in another language",
  },
  {
    name: "promtool",
    commands: ["promtool"],
    debianPackage: "prometheus",
    env: "MILEPOST_PROMTOOL",
    neededBy: "the tests of the alert rules",
  },
];

/** @typedef {(typeof programs)[number]} Program */

/** @param {string} command */
function findOnPath(command) {
  const folders = command.startsWith("/") ? [""] : (process.env.PATH ?? "").split(delimiter);
  for (const folder of folders) {
    const path = join(folder, command);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The command is not in this folder; the next one may have it.
    }
  }
  return undefined;
}

/** @param {Program} program */
function locate(program) {
  const given = process.env[program.env];
  if (given) return given;
  for (const command of program.commands) {
    const path = findOnPath(command);
    if (path) return path;
  }
  return undefined;
}

/** Returns the environment variables of the programs that are present. */
export function programEnvironment() {
  /** @type {Record<string, string>} */
  const env = {};
  for (const program of programs) {
    const path = locate(program);
    if (path) env[program.env] = path;
  }
  return env;
}

/** @param {string[]} args */
function aptGet(...args) {
  const { status } = spawnSync("apt-get", args, {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    timeout: 10 * 60_000,
  });
  return status === 0;
}

/**
 * Installs missing programs where that is possible (as root on Debian) and returns the programs that are still
 * missing.
 */
export function installMissingPrograms() {
  const missing = programs.filter((program) => !locate(program));
  if (missing.length === 0) return [];
  const mayInstall = process.getuid?.() === 0 && findOnPath("apt-get") !== undefined;
  if (!mayInstall) return missing;
  aptGet("update");
  aptGet(
    "install",
    "-y",
    "--no-install-recommends",
    ...missing.map(({ debianPackage }) => debianPackage),
  );
  return missing.filter((program) => !locate(program));
}

/** @param {Program} program */
export function describeMissing({ name, debianPackage, neededBy, env }) {
  return `${name} is missing (${neededBy} need it): apt-get install ${debianPackage}, or set ${env} to its path`;
}
