/** Message by which a supervisor asks a worker to drain and end. */
export const stopMessage = "stop";
