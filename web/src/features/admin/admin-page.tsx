import { IconGauge, IconHistory, IconServer2, IconUsers } from "@tabler/icons-react";
import type { ReactElement } from "react";
import { Navigate, useParams } from "react-router";
import { Page } from "../../ui/page";
import { SectionNav, type Section } from "../../ui/section-nav";
import { WithSide } from "../../ui/with-side";
import { AllWorkspacesSection } from "./all-workspaces-section";
import { TiersSection } from "./tiers-section";
import { UsersSection } from "./users-section";

const SECTIONS: Section[] = [
  { to: "/admin/users", label: "Users", icon: <IconUsers size={17} stroke={1.7} aria-hidden /> },
  { to: "/admin/workspaces", label: "Workspaces", icon: <IconServer2 size={17} stroke={1.7} aria-hidden /> },
  { to: "/admin/plans", label: "Plans", icon: <IconGauge size={17} stroke={1.7} aria-hidden /> },
  { to: "/audit", label: "Audit log", icon: <IconHistory size={17} stroke={1.7} aria-hidden /> },
];

const CONTENTS: Record<string, () => ReactElement> = {
  users: UsersSection,
  workspaces: AllWorkspacesSection,
  plans: TiersSection,
};

export function AdminPage(): ReactElement {
  const { section = "users" } = useParams();
  const Content = Object.hasOwn(CONTENTS, section) ? CONTENTS[section] : undefined;
  if (!Content) return <Navigate to="/admin/users" replace />;
  return (
    <Page title="Administration" description="Everything on this installation.">
      <WithSide side={<SectionNav label="Administration" sections={SECTIONS} />}>
        <Content />
      </WithSide>
    </Page>
  );
}
