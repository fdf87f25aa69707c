import { protocolVersion } from "@milepost/protocol";
import type { GenerateSpecOptions } from "hono-openapi";

/** Parts of `/openapi.json` that do not come from the endpoints. */
export const openApiDocument: Partial<GenerateSpecOptions> = {
  defaultValidationErrorResponse: false,
  documentation: {
    info: {
      title: "Milepost",
      version: protocolVersion,
      description: "Pushes the progress of long-running work to the people waiting for it.",
    },
    components: {
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "An API key (producers, admins) or a user token (JWT).",
        },
      },
    },
    security: [{ bearer: [] }],
  },
};
