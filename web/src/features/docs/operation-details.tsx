import { Code, Text } from "@mantine/core";
import { IconChevronRight, IconLock } from "@tabler/icons-react";
import type { ReactElement } from "react";
import { curlExample, jsonSchema, needsLogin, type Body, type Document, type Operation } from "./openapi";
import classes from "./operation-details.module.css";
import { ParameterTable } from "./parameter-table";
import { TypeLink } from "./type-link";

export interface OperationDetailsProps {
  document: Document;
  operation: Operation;
}

export function OperationDetails({ document, operation }: OperationDetailsProps): ReactElement {
  const { object, method, path } = operation;
  const parameters = object.parameters ?? [];
  const summary = object.summary ?? object.description?.split("\n")[0] ?? object.operationId;
  return (
    <details id={operation.anchor} className={classes.operation}>
      <summary className={classes.summary}>
        <IconChevronRight size={14} className={classes.chevron} aria-hidden="true" />
        <span className={classes.method} data-method={method}>
          {method}
        </span>
        <code className={classes.path}>{path}</code>
        <span className={classes.text}>{summary}</span>
        {needsLogin(document, object) && <IconLock size={13} className={classes.lock} aria-label="needs a login" />}
      </summary>
      <div className={classes.body}>
        {object.description && <Text className={classes.description}>{object.description}</Text>}
        {parameters.length > 0 && (
          <>
            <h3>Parameters</h3>
            <ParameterTable parameters={parameters} />
          </>
        )}
        {object.requestBody && (
          <>
            <h3>Body</h3>
            <BodyLine body={object.requestBody} />
          </>
        )}
        <h3>Answers</h3>
        <ul className={classes.answers}>
          {Object.entries(object.responses ?? {}).map(([status, answer]) => (
            <li key={status}>
              <code data-ok={status.startsWith("2") || undefined}>{status}</code>
              <BodyLine body={answer} />
            </li>
          ))}
        </ul>
        <h3>Example</h3>
        <Code block tabIndex={0} aria-label={`curl example for ${method} ${path}`}>
          {curlExample(document, operation, window.location.origin)}
        </Code>
      </div>
    </details>
  );
}

function BodyLine({ body }: { body: Body }): ReactElement {
  const schema = jsonSchema(body);
  const media = Object.keys(body.content ?? {}).find((type) => type !== "application/json");
  return (
    <span>
      {schema && <TypeLink schema={schema} />}
      {!schema && media && <code>{media}</code>}
      {body.description && <span> {body.description}</span>}
    </span>
  );
}
