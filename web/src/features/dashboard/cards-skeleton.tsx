import { Skeleton, VisuallyHidden } from "@mantine/core";
import type { ReactElement } from "react";
import classes from "./workspace-grid.module.css";

export function CardsSkeleton(): ReactElement {
  return (
    <div className={classes.grid} aria-busy="true">
      <VisuallyHidden role="status">Loading workspaces</VisuallyHidden>
      {[0, 1, 2].map((index) => (
        <Skeleton key={index} height={188} radius="md" />
      ))}
    </div>
  );
}
