import type { Server } from "node:http";
import type { Server as SecureServer } from "node:https";

/** An HTTP server on which the gateway can be mounted. */
export type HttpServer = Server | SecureServer;
