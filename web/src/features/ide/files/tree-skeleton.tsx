import { Skeleton } from "@mantine/core";
import type { ReactElement } from "react";

const WIDTHS = [58, 44, 66, 52, 38, 60];

export function TreeSkeleton(): ReactElement {
  return (
    <div style={{ padding: "8px 16px", display: "grid", gap: 13 }} aria-label="Reading the files" role="status">
      {WIDTHS.map((width, index) => (
        <Skeleton key={index} height={10} width={`${width}%`} radius="xl" />
      ))}
    </div>
  );
}
