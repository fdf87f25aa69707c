/** What a supervisor sends to a worker that shall drain and end. */
export const stopMessage = "stop";
