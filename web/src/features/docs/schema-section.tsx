import { Table } from "@mantine/core";
import { IconChevronRight } from "@tabler/icons-react";
import type { ReactElement } from "react";
import { typeName, type Schema } from "./openapi";
import classes from "./operation-details.module.css";
import { TypeLink } from "./type-link";

export function SchemaSection({ name, schema }: { name: string; schema: Schema }): ReactElement {
  return (
    <details id={`schema-${name}`} className={classes.operation}>
      <summary className={classes.summary}>
        <IconChevronRight size={14} className={classes.chevron} aria-hidden="true" />
        <code className={classes.path}>{name}</code>
        <span className={classes.text}>{schema.description?.split("\n")[0]}</span>
      </summary>
      <div className={classes.body}>
        <Shape schema={schema} />
      </div>
    </details>
  );
}

function Shape({ schema }: { schema: Schema }): ReactElement {
  const variants = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (variants) {
    return (
      <>
        {variants.map((variant, index) => (
          <div key={index}>
            {variant.description && <p>{variant.description}</p>}
            <Shape schema={variant} />
          </div>
        ))}
      </>
    );
  }
  if (!schema.properties) return <p>{<TypeLink schema={schema} />}</p>;
  return (
    <Table fz="xs" verticalSpacing={4} horizontalSpacing="xs" my="xs" aria-label={typeName(schema)}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Property</Table.Th>
          <Table.Th>Type</Table.Th>
          <Table.Th>Meaning</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {Object.entries(schema.properties).map(([property, value]) => (
          <Table.Tr key={property}>
            <Table.Td>
              <code>{property}</code>
              {!schema.required?.includes(property) && " (optional)"}
            </Table.Td>
            <Table.Td>
              <TypeLink schema={value} />
            </Table.Td>
            <Table.Td>{value.description}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
