import { Anchor, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, type ReactElement } from "react";
import { useLocation } from "react-router";
import { api } from "../../api/client";
import { messageOf } from "../../api/errors";
import { queryKeys } from "../../api/query-keys";
import { ErrorNotice } from "../../ui/error-notice";
import { ListSkeleton } from "../../ui/list-skeleton";
import { Page } from "../../ui/page";
import { WithSide } from "../../ui/with-side";
import { ApiNav } from "./api-nav";
import classes from "./api-page.module.css";
import { groupOperations, isDocument, type Document } from "./openapi";
import { OperationDetails } from "./operation-details";
import { SchemaSection } from "./schema-section";

const SOURCE = "/api/v5/openapi.json";

async function fetchDocument(signal: AbortSignal): Promise<Document> {
  const body = await api.get<unknown>("/openapi.json", { signal });
  if (!isDocument(body)) throw new Error("The server's description of its API cannot be read.");
  return body;
}

/** The reference of the HTTP API, rendered from the document that the server generates from its handlers. */
export function ApiPage(): ReactElement {
  const document = useQuery({
    queryKey: queryKeys.openapi,
    queryFn: ({ signal }) => fetchDocument(signal),
    staleTime: Infinity,
  });
  return (
    <Page
      title="API reference"
      description={
        <>
          What the web app does, your programs can do. Machine-readable:{" "}
          <Anchor href={SOURCE} underline="always" inherit>
            openapi.json
          </Anchor>
        </>
      }
    >
      {document.isPending && <ListSkeleton rows={8} />}
      {document.isError && (
        <ErrorNotice
          title="The reference cannot be shown now"
          message={messageOf(document.error)}
          onRetry={() => void document.refetch()}
        />
      )}
      {document.data && <Reference document={document.data} />}
    </Page>
  );
}

function Reference({ document }: { document: Document }): ReactElement {
  const groups = groupOperations(document);
  const { hash } = useLocation();
  useEffect(() => {
    const target = hash ? window.document.getElementById(decodeURIComponent(hash.slice(1))) : null;
    if (target instanceof HTMLDetailsElement) target.open = true;
    target?.scrollIntoView({ block: "start" });
  }, [hash]);
  return (
    <WithSide side={<ApiNav groups={groups} />}>
      {document.info.description && <Text className={classes.intro}>{document.info.description}</Text>}
      {groups.map((group) => (
        <section key={group.name} aria-labelledby={`group-${group.name}`} className={classes.group}>
          <h2 id={`group-${group.name}`} className={classes.heading}>
            {group.name}
          </h2>
          {group.description && <Text c="dimmed">{group.description}</Text>}
          {group.operations.map((operation) => (
            <OperationDetails key={operation.anchor} document={document} operation={operation} />
          ))}
        </section>
      ))}
      <section aria-labelledby="schemas" className={classes.group}>
        <h2 id="schemas" className={classes.heading}>
          Schemas
        </h2>
        {Object.entries(document.components?.schemas ?? {}).map(([name, schema]) => (
          <SchemaSection key={name} name={name} schema={schema} />
        ))}
      </section>
    </WithSide>
  );
}
