import { Anchor, Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactElement } from "react";
import { Link, useSearchParams } from "react-router";
import { api } from "../../api/client";
import { formErrors } from "../../api/form-errors";
import type { LoggedIn, LogIn } from "../../api/types";
import { useMe } from "../../api/use-me";
import { safeNext } from "../../lib/safe-next";
import { ErrorNotice } from "../../ui/error-notice";
import { AuthLayout } from "./auth-layout";
import { LeaveAuth } from "./leave-auth";
import { useEnter } from "./use-enter";

export function LoginPage(): ReactElement {
  const [parameters] = useSearchParams();
  const next = safeNext(parameters.get("next"), window.location.origin);
  const me = useMe();
  const enter = useEnter();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const logIn = useMutation({
    mutationFn: (body: LogIn) => api.post<LoggedIn>("/auth/login", body),
    onSuccess: (loggedIn) => enter(loggedIn, next),
  });
  if (me.data && logIn.isIdle) return <LeaveAuth to={next} />;

  const errors = formErrors(logIn.error, ["email"]);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    logIn.mutate({ email: email.trim(), password, delivery: "cookie" });
  };
  return (
    <AuthLayout title="Log in" description="Your workspaces are as you left them.">
      <form onSubmit={submit}>
        <Stack gap="md">
          {errors.general && <ErrorNotice title="You are not logged in" message={errors.general} />}
          <TextInput
            label="E-mail"
            type="text" inputMode="email" autoCapitalize="none" spellCheck={false}
            name="email"
            autoComplete="username"
            autoFocus
            required
            withAsterisk={false}
            value={email}
            onChange={(event) => setEmail(event.currentTarget.value)}
            error={errors.fields["email"]}
          />
          <PasswordInput
            label="Password"
            name="password"
            autoComplete="current-password"
            required
            withAsterisk={false}
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            visibilityToggleButtonProps={{ "aria-label": "Show password" }}
          />
          <Button type="submit" loading={logIn.isPending} fullWidth>
            Log in
          </Button>
          <span>
            New here?{" "}
            <Anchor component={Link} to={`/register${next === "/" ? "" : `?next=${encodeURIComponent(next)}`}`} underline="always">
              Create an account
            </Anchor>
          </span>
        </Stack>
      </form>
    </AuthLayout>
  );
}
