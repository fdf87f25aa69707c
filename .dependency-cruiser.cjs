/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: "no-cycles",
      comment:
        "Files that import each other, values or types alike, cannot be read or moved alone.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "enter-by-name",
      comment: "A package is entered through its name, never through a path into its folder.",
      severity: "error",
      from: { path: "^packages/([^/]+)/src/" },
      to: {
        path: "^packages/[^/]+/src/",
        pathNot: "^packages/$1/src/",
        dependencyTypes: ["local"],
      },
    },
    {
      name: "testing-stays-out",
      comment: "What ships does not import from a package's testing folder.",
      severity: "error",
      from: { path: "/src/", pathNot: "/testing/|\\.test(-d)?\\.tsx?$" },
      to: { path: "/src/testing/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)(node_modules|dist|\\.tsbuild)/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.test.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types"] },
  },
};
