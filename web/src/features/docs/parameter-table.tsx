import { Table } from "@mantine/core";
import type { ReactElement } from "react";
import type { Parameter } from "./openapi";
import { TypeLink } from "./type-link";

export function ParameterTable({ parameters }: { parameters: Parameter[] }): ReactElement {
  return (
    <Table fz="xs" verticalSpacing={4} horizontalSpacing="xs">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Name</Table.Th>
          <Table.Th>In</Table.Th>
          <Table.Th>Type</Table.Th>
          <Table.Th>Meaning</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {parameters.map((parameter) => (
          <Table.Tr key={`${parameter.in}-${parameter.name}`}>
            <Table.Td>
              <code>{parameter.name}</code>
              {parameter.required && " (required)"}
            </Table.Td>
            <Table.Td>{parameter.in}</Table.Td>
            <Table.Td>{parameter.schema && <TypeLink schema={parameter.schema} />}</Table.Td>
            <Table.Td>{parameter.description}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
