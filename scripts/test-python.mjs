// Tests the Python package as users install it: builds its wheel, installs it beside the packages that its extras need,
// checks its types and runs its tests. Run it after a build: `npm run test:python`.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { programEnvironment } from "./programs.mjs";
import { root } from "./workspaces.mjs";

const folder = join(root, "python");
const environment = join(folder, ".venv");
const python = join(environment, "bin/python");
const wheels = join(root, ".test-results/wheels");
const requirements = join(folder, "requirements-test.txt");
const mark = join(environment, "milepost-requirements");

/**
 * Runs the tests. Returns their exit status, or what is missing to run them.
 *
 * @param {string[]} args arguments of pytest
 */
export function testPython(...args) {
  const missing = prepare();
  if (missing !== undefined) return { status: 0, missing };
  rmSync(wheels, { recursive: true, force: true });
  mkdirSync(wheels, { recursive: true });
  const build = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"];
  const install = ["-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall"];
  const steps = [
    () => run(python, [...build, "--wheel-dir", wheels, folder]),
    () => run(python, [...install, ...readdirSync(wheels).map((name) => join(wheels, name))]),
    () => run(python, ["-m", "mypy"], folder),
    () => run(python, ["-m", "pytest", ...args], folder),
  ];
  for (const step of steps) if (step() !== 0) return { status: 1 };
  return { status: 0 };
}

/** Makes the environment of the tests, unless it is there. Returns what is missing for it. */
function prepare() {
  const wanted = createHash("sha256").update(readFileSync(requirements)).digest("hex");
  if (existsSync(mark) && readFileSync(mark, "utf8") === wanted) return undefined;
  const base = process.env.MILEPOST_PYTHON ?? programEnvironment().MILEPOST_PYTHON ?? "python3";
  if (run(base, ["-c", "import sys; sys.exit(sys.version_info < (3, 11))"]) !== 0) {
    return "Python 3.11 or later, for the tests of the Python package";
  }
  rmSync(environment, { recursive: true, force: true });
  if (run(base, ["-m", "venv", environment]) !== 0) {
    return "venv, for the tests of the Python package; on Debian: apt-get install python3-venv";
  }
  const install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
  if (run(python, [...install, "-r", requirements]) !== 0) {
    return "the packages of python/requirements-test.txt, which pip could not install";
  }
  writeFileSync(mark, wanted);
  return undefined;
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {string} cwd
 */
function run(program, args, cwd = root) {
  const { status } = spawnSync(program, args, {
    cwd,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...programEnvironment(), PIP_DISABLE_PIP_VERSION_CHECK: "1" },
  });
  return status ?? 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { status, missing } = testPython(...process.argv.slice(2));
  if (missing !== undefined) console.error(`cannot test the Python package without ${missing}`);
  process.exitCode = missing === undefined ? status : 1;
}
