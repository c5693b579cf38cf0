import { Anchor, Text } from "@mantine/core";
import type { ReactElement } from "react";
import { Link } from "react-router";
import { useMe } from "../../api/use-me";
import { forgetFragmentSecret, useFragmentSecret } from "../../lib/fragment-secret";
import { loginPath } from "../../lib/safe-next";
import { ListSkeleton } from "../../ui/list-skeleton";
import { AuthLayout } from "./auth-layout";
import { ClaimAdmin } from "./claim-admin";
import { RegisterForm } from "./register-form";
import { useEnter } from "./use-enter";

/** The one-time link printed at first start (/setup#token=…) makes its opener the administrator. */
export function SetupPage(): ReactElement {
  const token = useFragmentSecret("token");
  const me = useMe();
  const enter = useEnter();
  if (me.isPending) return <ListSkeleton rows={3} />;
  if (!token) {
    return (
      <AuthLayout
        title="Open the setup link"
        description="The server prints a one-time link when it starts and nobody administers it yet. Open that link; this page needs the token in it."
      >
        <Anchor component={Link} to="/" underline="always">
          Go to Coditect
        </Anchor>
      </AuthLayout>
    );
  }
  if (me.data) {
    return (
      <AuthLayout title="Set up Coditect" description="This link makes you the administrator of this installation.">
        <ClaimAdmin user={me.data} token={token} />
      </AuthLayout>
    );
  }
  return (
    <AuthLayout
      title="Set up Coditect"
      description="Create the first account. It administers this installation: users, plans and workspaces."
    >
      <RegisterForm
        action="Create administrator"
        setupToken={token}
        onRegistered={(loggedIn) => {
          forgetFragmentSecret("token");
          void enter(loggedIn, "/");
        }}
      />
      <Text mt="md">
        Registered already?{" "}
        <Anchor component={Link} to={loginPath("/setup")} underline="always" inherit>
          Log in to claim it
        </Anchor>
      </Text>
    </AuthLayout>
  );
}
