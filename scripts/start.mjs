// Builds everything, then runs the demo. Both run in this process, so that a signal reaches whichever of them is at work.
import "./build.mjs";

await import("../examples/index-folder/dist/main.js");
