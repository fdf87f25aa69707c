import type { Server } from "node:http";
import type { Server as SecureServer } from "node:https";

/** An HTTP server the gateway can be part of. */
export type HttpServer = Server | SecureServer;
