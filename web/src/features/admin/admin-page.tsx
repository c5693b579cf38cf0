import { IconHistory, IconServer2, IconUsers } from "@tabler/icons-react";
import type { ReactElement } from "react";
import { Navigate, useParams } from "react-router";
import { Page } from "../../ui/page";
import { SectionNav, type Section } from "../../ui/section-nav";
import { WithSide } from "../../ui/with-side";
import { AllWorkspacesSection } from "./all-workspaces-section";
import { UsersSection } from "./users-section";

const SECTIONS: Section[] = [
  { to: "/admin/users", label: "Users", icon: <IconUsers size={17} stroke={1.7} aria-hidden /> },
  { to: "/admin/workspaces", label: "Workspaces", icon: <IconServer2 size={17} stroke={1.7} aria-hidden /> },
  { to: "/audit", label: "Audit log", icon: <IconHistory size={17} stroke={1.7} aria-hidden /> },
];

export function AdminPage(): ReactElement {
  const { section = "users" } = useParams();
  if (section !== "users" && section !== "workspaces") return <Navigate to="/admin/users" replace />;
  return (
    <Page title="Administration" description="Everything on this installation.">
      <WithSide side={<SectionNav label="Administration" sections={SECTIONS} />}>
        {section === "users" ? <UsersSection /> : <AllWorkspacesSection />}
      </WithSide>
    </Page>
  );
}
