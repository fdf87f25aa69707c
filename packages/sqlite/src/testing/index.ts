export { scratchFolder } from "./scratch-folder.ts";
export { acknowledgesEarly, SimulatedFile, type SimulatedFileParts } from "./simulated-file.ts";
