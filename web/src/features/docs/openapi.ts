// The part of OpenAPI 3.1 that our own document uses, and how to read it. Pure.

export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  enum?: unknown[];
  const?: unknown;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  additionalProperties?: Schema | boolean;
  example?: unknown;
  default?: unknown;
}

export interface Parameter {
  name: string;
  in: string;
  description?: string;
  required?: boolean;
  schema?: Schema;
}

export interface Body {
  description?: string;
  content?: Record<string, { schema?: Schema }>;
}

export interface OperationObject {
  operationId?: string;
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: Parameter[];
  requestBody?: Body;
  responses?: Record<string, Body>;
  security?: Record<string, string[]>[];
}

export interface Document {
  openapi: string;
  info: { title: string; version: string; description?: string };
  tags?: { name: string; description?: string }[];
  paths: Record<string, Record<string, OperationObject>>;
  components?: { schemas?: Record<string, Schema> };
  security?: Record<string, string[]>[];
}

export const METHODS = ["get", "post", "put", "patch", "delete"] as const;
export type Method = (typeof METHODS)[number];

export interface Operation {
  /** Names it in the address: `post-auth-login`. */
  anchor: string;
  method: Method;
  path: string;
  tag: string;
  object: OperationObject;
}

export interface Group {
  name: string;
  description?: string | undefined;
  operations: Operation[];
}

export function isDocument(value: unknown): value is Document {
  return typeof value === "object" && value !== null && "openapi" in value && "paths" in value && "info" in value;
}

function anchorOf(method: string, path: string): string {
  const words = path.replace(/^\/api\/v\d+/, "").replace(/[^a-zA-Z0-9]+/g, "-");
  return `${method}${words}`.replace(/-+$/, "");
}

/** Operations by tag: tags in the order of the document, then those it does not list. */
export function groupOperations(document: Document): Group[] {
  const groups = new Map<string, Group>();
  for (const tag of document.tags ?? []) groups.set(tag.name, { ...tag, operations: [] });
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const object = item[method];
      if (!object) continue;
      const tag = object.tags?.[0] ?? "other";
      const group = groups.get(tag) ?? { name: tag, operations: [] };
      group.operations.push({ anchor: anchorOf(method, path), method, path, tag, object });
      groups.set(tag, group);
    }
  }
  return [...groups.values()].filter((group) => group.operations.length > 0);
}

const REF_PREFIX = "#/components/schemas/";

export function refName(schema: Schema): string | undefined {
  return schema.$ref?.startsWith(REF_PREFIX) ? schema.$ref.slice(REF_PREFIX.length) : undefined;
}

export function resolve(document: Document, schema: Schema): Schema {
  const name = refName(schema);
  if (name === undefined) return schema;
  return document.components?.schemas?.[name] ?? {};
}

export function isNull(schema: Schema): boolean {
  return schema.type === "null";
}

/** A type in a few words: `string`, `User`, `Port[]`, `"running" | "stopped"`. */
export function typeName(schema: Schema): string {
  const name = refName(schema);
  if (name !== undefined) return name;
  const variants = schema.oneOf ?? schema.anyOf;
  if (variants) return variants.filter((v) => !isNull(v)).map(typeName).join(" | ") || "null";
  if (schema.allOf?.length === 1 && schema.allOf[0]) return typeName(schema.allOf[0]);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const types = (Array.isArray(schema.type) ? schema.type : [schema.type ?? "any"]).filter((t) => t !== "null");
  if (types[0] === "array") return schema.items ? `${wrapped(typeName(schema.items))}[]` : "array";
  return types.join(" | ");
}

function wrapped(name: string): string {
  return name.includes(" ") ? `(${name})` : name;
}

const DEPTH_MAX = 6;

/** A value of the schema, for examples: every required property, and nothing deeper than a reader follows. */
export function example(document: Document, schema: Schema, depth = 0): unknown {
  const target = resolve(document, schema);
  if (target.example !== undefined) return target.example;
  if (target.default !== undefined) return target.default;
  if (target.const !== undefined) return target.const;
  if (target.enum) return target.enum[0];
  if (depth >= DEPTH_MAX) return {};
  const variant = (target.oneOf ?? target.anyOf)?.find((v) => !isNull(v)) ?? target.allOf?.[0];
  if (variant) return example(document, variant, depth + 1);
  const type = Array.isArray(target.type) ? target.type[0] : target.type;
  if (target.properties || type === "object") {
    const entries = Object.entries(target.properties ?? {}).filter(([name]) => target.required?.includes(name));
    return Object.fromEntries(entries.map(([name, value]) => [name, example(document, value, depth + 1)]));
  }
  if (type === "array") return target.items ? [example(document, target.items, depth + 1)] : [];
  if (type === "integer" || type === "number") return 0;
  if (type === "boolean") return false;
  return "string";
}

export function jsonSchema(body: Body | undefined): Schema | undefined {
  return body?.content?.["application/json"]?.schema;
}

/** Whether the operation takes credentials; the document's own rule holds where the operation has none. */
export function needsLogin(document: Document, operation: OperationObject): boolean {
  const security = operation.security ?? document.security ?? [];
  return security.length > 0 && !security.some((rule) => Object.keys(rule).length === 0);
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The request as a command that can be pasted into a shell. */
export function curlExample(document: Document, operation: Operation, origin: string): string {
  const { method, path, object } = operation;
  const query = (object.parameters ?? []).filter((p) => p.in === "query" && p.required).map((p) => `${p.name}=…`);
  const url = `${origin}${path}${query.length > 0 ? `?${query.join("&")}` : ""}`;
  const lines = [`curl${method === "get" ? "" : ` -X ${method.toUpperCase()}`} ${shellQuoted(url)}`];
  if (needsLogin(document, object)) lines.push(`-H "Authorization: Bearer $TOKEN"`);
  const schema = jsonSchema(object.requestBody);
  if (schema) {
    lines.push(`-H 'Content-Type: application/json'`);
    lines.push(`-d ${shellQuoted(JSON.stringify(example(document, schema)))}`);
  }
  return lines.join(" \\\n  ");
}
