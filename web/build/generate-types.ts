// Types of the wire contract from the OpenAPI document that the server generates from its handlers.

export interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema | boolean;
  prefixItems?: JsonSchema[];
  additionalProperties?: JsonSchema | boolean;
  enum?: unknown[];
  oneOf?: JsonSchema[];
}

export interface OpenApi {
  components: { schemas: Record<string, JsonSchema> };
}

/** Closed sets that the document tells only as text, with the names the server has for them. */
const CLOSED_SETS: Record<string, string[]> = {
  Desired: ["running", "stopped", "deleted"],
  State: ["starting", "running", "stopping", "stopped", "failed", "deleting"],
};
const CLOSED_SET_OF: Record<string, string> = { "Workspace.desired": "Desired", "Workspace.state": "State" };
const LINE_MAX = 118;
const PAGE = "Page_";

const HEAD = `// Generated from crates/control/tests/golden/openapi.json by \`npm run generate\`; do not edit.
// The wire contract of control and agent. Times are milliseconds since the epoch.
`;

function comment(text: string | undefined, indent: string): string {
  if (!text) return "";
  const lines = text.trim().split("\n");
  if (lines.length === 1 && text.length < LINE_MAX - indent.length - 7) return `${indent}/** ${text.trim()} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}`.trimEnd()).join("\n")}\n${indent} */\n`;
}

function union(parts: string[]): string {
  return [...new Set(parts)].join(" | ");
}

function arrayOf(item: string): string {
  return item.includes(" | ") ? `(${item})[]` : `${item}[]`;
}

function objectType(schema: JsonSchema): string {
  if (schema.properties) {
    const members = Object.entries(schema.properties).map(([name, value]) => {
      const optional = schema.required?.includes(name) ? "" : "?";
      return `${name}${optional}: ${typeOf(value)}`;
    });
    return `{ ${members.join("; ")} }`;
  }
  const values = schema.additionalProperties;
  return `Record<string, ${typeof values === "object" ? typeOf(values) : "unknown"}>`;
}

function primitive(type: string, schema: JsonSchema): string {
  switch (type) {
    case "string":
    case "boolean":
      return type;
    case "integer":
    case "number":
      return "number";
    case "array":
      if (schema.prefixItems) return `[${schema.prefixItems.map(typeOf).join(", ")}]`;
      return arrayOf(typeof schema.items === "object" ? typeOf(schema.items) : "unknown");
    case "object":
      return objectType(schema);
    default:
      throw new Error(`a schema has the type ${type}, which build/generate-types.ts does not know`);
  }
}

function typeOf(schema: JsonSchema): string {
  if (schema.$ref) return schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1);
  if (schema.enum) return union(schema.enum.map((value) => JSON.stringify(value)));
  if (schema.oneOf) return union(schema.oneOf.filter((variant) => variant.type !== "null").map(typeOf));
  if (schema.type === undefined) return "unknown";
  const types = Array.isArray(schema.type) ? schema.type : [schema.type];
  return union(types.filter((type) => type !== "null").map((type) => primitive(type, schema)));
}

function member(owner: string, name: string, schema: JsonSchema, required: boolean): string {
  const type = CLOSED_SET_OF[`${owner}.${name}`] ?? typeOf(schema);
  return `${comment(schema.description, "  ")}  ${name}${required ? "" : "?"}: ${type};\n`;
}

function declaration(name: string, schema: JsonSchema): string {
  const head = comment(schema.description, "");
  if (schema.properties) {
    const members = Object.entries(schema.properties).map(([property, value]) =>
      member(name, property, value, schema.required?.includes(property) ?? false),
    );
    return `${head}export interface ${name} {\n${members.join("")}}\n`;
  }
  if (schema.type === "object") return `${head}export type ${name} = Record<string, never>;\n`;
  const variants = schema.oneOf ? schema.oneOf.map(typeOf) : schema.enum?.map((value) => JSON.stringify(value));
  if (!variants) return `${head}export type ${name} = ${typeOf(schema)};\n`;
  const line = `export type ${name} = ${variants.join(" | ")};`;
  return `${head}${line.length <= LINE_MAX ? line : `export type ${name} =\n${variants.map((v) => `  | ${v}`).join("\n")};`}\n`;
}

/** The module with all types of the document. Pages of lists become one generic type. */
export function generateTypes(document: OpenApi): string {
  const schemas = Object.entries(document.components.schemas).sort(([a], [b]) => (a < b ? -1 : 1));
  const page = schemas.find(([name]) => name.startsWith(PAGE))?.[1];
  if (!page?.properties) throw new Error("the document has no list: nothing named Page_…");
  const next = page.properties["next"];
  const parts = [
    HEAD,
    ...Object.entries(CLOSED_SETS).map(([name, values]) => declaration(name, { enum: values })),
    `${comment(page.description, "")}export interface Page<T> {\n  items: T[];\n${next ? member("Page", "next", next, false) : ""}}\n`,
    ...schemas.filter(([name]) => !name.startsWith(PAGE)).map(([name, schema]) => declaration(name, schema)),
  ];
  return parts.join("\n");
}
