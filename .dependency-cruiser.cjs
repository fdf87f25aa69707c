/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      // A cycle of types alone costs nothing at run time and reads worse when it is torn apart.
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
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
