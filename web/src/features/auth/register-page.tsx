import { Anchor, Button, Stack, Text } from "@mantine/core";
import type { ReactElement } from "react";
import { Link, useSearchParams } from "react-router";
import { useMe } from "../../api/use-me";
import { forgetFragmentSecret, useFragmentSecret } from "../../lib/fragment-secret";
import { loginPath, safeNext } from "../../lib/safe-next";
import { AuthLayout } from "./auth-layout";
import { LeaveAuth } from "./leave-auth";
import { RegisterForm } from "./register-form";
import { useEnter } from "./use-enter";

/** Registration; by invitation when the link carried a code (/register#invitation=CODE). */
export function RegisterPage(): ReactElement {
  const [parameters] = useSearchParams();
  const next = safeNext(parameters.get("next"), window.location.origin);
  const invitation = useFragmentSecret("invitation");
  const me = useMe();
  const enter = useEnter();

  if (me.data && !invitation) return <LeaveAuth to={next} />;
  if (me.data) {
    return (
      <AuthLayout
        title="You have an account already"
        description="An invitation makes a new account. Log out first if it is meant for someone else."
      >
        <Stack gap="sm">
          <Text size="sm">
            You are logged in as <strong>{me.data.email}</strong>.
          </Text>
          <Button component={Link} to="/" onClick={() => forgetFragmentSecret("invitation")}>
            Go to your workspaces
          </Button>
        </Stack>
      </AuthLayout>
    );
  }
  return (
    <AuthLayout
      title={invitation ? "Join by invitation" : "Create your account"}
      description={
        invitation
          ? "You are invited: your new account belongs to the team that sent you the link."
          : "An editor and a terminal of your own, ready in a second."
      }
    >
      <RegisterForm
        action={invitation ? "Join" : "Create account"}
        invitation={invitation}
        onRegistered={(loggedIn) => {
          forgetFragmentSecret("invitation");
          void enter(loggedIn, next);
        }}
      />
      <Text mt="md">
        Registered already?{" "}
        <Anchor component={Link} to={loginPath(next)} underline="always" inherit>
          Log in
        </Anchor>
      </Text>
    </AuthLayout>
  );
}
