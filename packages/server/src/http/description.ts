import type { DescribeRouteOptions, resolver } from "hono-openapi";
import { z } from "zod";
import { problemMediaType } from "./problem.ts";
import { problemSchema } from "./schemas.ts";

/** Description of an endpoint for the OpenAPI document. */
interface Description {
  readonly summary: string;
  /** Schemas of the request body, by media type. */
  readonly body?: Readonly<Record<string, z.ZodType>>;
  readonly query?: z.ZodObject;
  /** Request headers that the endpoint reads, each with its purpose. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly success: {
    readonly status: number;
    readonly description: string;
    readonly schema?: z.ZodType;
    /** Media type of the answer; JSON when absent. */
    readonly mediaType?: string;
  };
  /** True when the endpoint needs no credential; false when absent. */
  readonly open?: boolean;
}

/** Builds the OpenAPI description of an endpoint when the document is made, with what turns a schema into JSON Schema. */
export type EndpointSpec = (resolve: typeof resolver) => DescribeRouteOptions;

/** Describes an endpoint by the schemas that it reads and answers with. */
export function describe(description: Description): EndpointSpec {
  return (resolve) => specOf(description, resolve);
}

function specOf(description: Description, resolve: typeof resolver): DescribeRouteOptions {
  const { summary, body, query, headers = {}, success, open = false } = description;
  return {
    summary,
    ...(open && { security: [] }),
    ...(body !== undefined && {
      requestBody: { required: true, content: contentOf(body, resolve) },
    }),
    parameters: [...queryParameters(query), ...headerParameters(headers)],
    responses: {
      [success.status]: {
        description: success.description,
        ...(success.schema !== undefined && {
          content: contentOf(
            { [success.mediaType ?? "application/json"]: success.schema },
            resolve,
          ),
        }),
      },
      default: {
        description: "The error.",
        content: contentOf({ [problemMediaType]: problemSchema }, resolve),
      },
    },
  };
}

type Parameters = NonNullable<DescribeRouteOptions["parameters"]>;

function queryParameters(query: z.ZodObject | undefined): Parameters {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(query);
  return Object.entries(properties).map(([name, schema]) => ({
    in: "query",
    name,
    required: required.includes(name),
    schema: schema as object,
  }));
}

function headerParameters(headers: Readonly<Record<string, string>>): Parameters {
  return Object.entries(headers).map(([name, description]) => ({
    in: "header",
    name,
    description,
    schema: { type: "string" },
  }));
}

function contentOf(schemas: Readonly<Record<string, z.ZodType>>, resolve: typeof resolver) {
  return Object.fromEntries(
    Object.entries(schemas).map(([media, schema]) => [media, { schema: resolve(schema) }]),
  );
}
