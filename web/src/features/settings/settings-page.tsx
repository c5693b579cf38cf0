import { IconDevices, IconKey, IconMailPlus, IconPalette, IconUser } from "@tabler/icons-react";
import type { ReactElement } from "react";
import { Navigate, useParams } from "react-router";
import type { User } from "../../api/types";
import { useMe } from "../../api/use-me";
import { Page } from "../../ui/page";
import { SectionNav, type Section } from "../../ui/section-nav";
import { WithSide } from "../../ui/with-side";
import { AppearanceSection } from "./appearance-section";
import { InvitationsSection } from "./invitations-section";
import { PasswordSection } from "./password-section";
import { ProfileSection } from "./profile-section";
import { SessionsSection } from "./sessions-section";

const ICON = { size: 17, stroke: 1.7, "aria-hidden": true } as const;

function sections(user: User): Section[] {
  const all: Section[] = [
    { to: "/settings/profile", label: "Profile", icon: <IconUser {...ICON} /> },
    { to: "/settings/password", label: "Password", icon: <IconKey {...ICON} /> },
    { to: "/settings/appearance", label: "Appearance", icon: <IconPalette {...ICON} /> },
    { to: "/settings/sessions", label: "Sessions", icon: <IconDevices {...ICON} /> },
  ];
  if (user.role === "owner") {
    all.push({ to: "/settings/invitations", label: "Invitations", icon: <IconMailPlus {...ICON} /> });
  }
  return all;
}

function SectionBody({ section, user }: { section: string; user: User }): ReactElement {
  switch (section) {
    case "profile":
      return <ProfileSection user={user} />;
    case "password":
      return <PasswordSection email={user.email} />;
    case "appearance":
      return <AppearanceSection />;
    case "sessions":
      return <SessionsSection />;
    case "invitations":
      return user.role === "owner" ? <InvitationsSection /> : <Navigate to="/settings/profile" replace />;
    default:
      return <Navigate to="/settings/profile" replace />;
  }
}

export function SettingsPage(): ReactElement | null {
  const { section = "profile" } = useParams();
  const me = useMe();
  if (!me.data) return null;
  return (
    <Page title="Settings">
      <WithSide side={<SectionNav label="Settings" sections={sections(me.data)} />}>
        <SectionBody section={section} user={me.data} />
      </WithSide>
    </Page>
  );
}
