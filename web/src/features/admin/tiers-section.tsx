import { Button, Table, VisuallyHidden } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useState, type ReactElement } from "react";
import { messageOf } from "../../api/errors";
import type { Tier, TierSource } from "../../api/types";
import { formatLimit, LIMITS } from "../../lib/tier-limits";
import { ErrorNotice } from "../../ui/error-notice";
import { ListSkeleton } from "../../ui/list-skeleton";
import { Panel } from "../../ui/panel";
import { TierActions } from "./tier-actions";
import { TierModal } from "./tier-modal";
import classes from "./tiers-section.module.css";
import { useTiers } from "./use-tiers";

const SOURCES: Record<TierSource, string> = {
  configuration: "From the configuration",
  changed: "Set here, over the configuration",
  added: "Added here",
};

export function TiersSection(): ReactElement {
  const tiers = useTiers();
  const [adding, setAdding] = useState(false);
  const rows = tiers.data;
  return (
    <Panel
      title="Plans"
      description="What users of each plan (tier) may use. What is set here counts before the configuration."
      actions={
        <Button size="xs" leftSection={<IconPlus size={15} />} disabled={!rows} onClick={() => setAdding(true)}>
          Add plan
        </Button>
      }
      flush
    >
      {tiers.isPending && <ListSkeleton rows={3} height={72} />}
      {tiers.isError && (
        <ErrorNotice
          title={rows ? "What you see may be out of date" : "Plans cannot be shown now"}
          message={messageOf(tiers.error)}
          onRetry={() => void tiers.refetch()}
        />
      )}
      {rows && (
        <Table verticalSpacing="xs" horizontalSpacing="md" highlightOnHover>
          <Table.Thead>
            <Table.Tr>
              <Table.Th className={classes.plan}>Plan</Table.Th>
              <Table.Th>Limits of each workspace, and of each user’s workspaces</Table.Th>
              <Table.Th>
                <VisuallyHidden>Actions</VisuallyHidden>
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((tier) => (
              <TierRow key={tier.name} tier={tier} />
            ))}
          </Table.Tbody>
        </Table>
      )}
      {adding && rows && <TierModal taken={rows.map((tier) => tier.name)} onClose={() => setAdding(false)} />}
    </Panel>
  );
}

function TierRow({ tier }: { tier: Tier }): ReactElement {
  return (
    <Table.Tr data-testid="tier-row" data-tier={tier.name}>
      <Table.Td className={classes.plan}>
        <div className={classes.name}>{tier.name}</div>
        <div className={classes.source}>{SOURCES[tier.source]}</div>
      </Table.Td>
      <Table.Td>
        <dl className={classes.limits}>
          {LIMITS.map((field) => (
            <div key={field.name}>
              <dt>{field.label}</dt>
              <dd>{formatLimit(field, tier.limits[field.name])}</dd>
            </div>
          ))}
        </dl>
      </Table.Td>
      <Table.Td ta="right" className={classes.actions}>
        <TierActions tier={tier} />
      </Table.Td>
    </Table.Tr>
  );
}
