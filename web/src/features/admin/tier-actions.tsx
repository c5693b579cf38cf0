import { ActionIcon, Menu } from "@mantine/core";
import { IconAdjustments, IconArrowBackUp, IconDots, IconTrash } from "@tabler/icons-react";
import { useState, type ReactElement } from "react";
import type { Tier } from "../../api/types";
import { RemoveTierModal } from "./remove-tier-modal";
import { TierModal } from "./tier-modal";

export function TierActions({ tier }: { tier: Tier }): ReactElement {
  const [open, setOpen] = useState<"edit" | "remove">();
  const close = (): void => setOpen(undefined);
  return (
    <>
      <Menu position="bottom-end" width={240}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" c="dimmed" aria-label={`Actions for the plan ${tier.name}`}>
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconAdjustments size={15} />} onClick={() => setOpen("edit")}>
            Change limits…
          </Menu.Item>
          {tier.source === "changed" && (
            <Menu.Item leftSection={<IconArrowBackUp size={15} />} onClick={() => setOpen("remove")}>
              Back to the configuration…
            </Menu.Item>
          )}
          {tier.source === "added" && (
            <Menu.Item leftSection={<IconTrash size={15} />} c="var(--cd-danger)" onClick={() => setOpen("remove")}>
              Remove…
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      {open === "edit" && <TierModal tier={tier} onClose={close} />}
      {open === "remove" && <RemoveTierModal tier={tier} onClose={close} />}
    </>
  );
}
