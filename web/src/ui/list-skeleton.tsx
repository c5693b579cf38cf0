import { Skeleton, Stack, VisuallyHidden } from "@mantine/core";
import type { ReactElement } from "react";

/** The place of rows that are still loading. */
export function ListSkeleton({ rows = 4, height = 44 }: { rows?: number; height?: number }): ReactElement {
  return (
    <Stack gap={8} p="md" aria-busy="true">
      <VisuallyHidden role="status">Loading</VisuallyHidden>
      {Array.from({ length: rows }, (_, index) => (
        <Skeleton key={index} height={height} radius="sm" />
      ))}
    </Stack>
  );
}
