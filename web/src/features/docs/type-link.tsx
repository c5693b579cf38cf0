import { Anchor } from "@mantine/core";
import type { ReactElement } from "react";
import { Link } from "react-router";
import { refName, typeName, type Schema } from "./openapi";
import classes from "./type-link.module.css";

/** A type's name; leads to its schema where it has one. */
export function TypeLink({ schema }: { schema: Schema }): ReactElement {
  const target = refName(schema) ?? (schema.items && refName(schema.items));
  const name = typeName(schema);
  if (target === undefined) return <code className={classes.type}>{name}</code>;
  return (
    <Anchor component={Link} to={`#schema-${target}`} underline="always" className={classes.type}>
      {name}
    </Anchor>
  );
}
