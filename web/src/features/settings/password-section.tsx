import { Button, Group, PasswordInput, Stack } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactElement } from "react";
import { api } from "../../api/client";
import { formErrors } from "../../api/form-errors";
import type { ChangePassword } from "../../api/types";
import { notifyDone } from "../../lib/notify";
import { PASSWORD_MIN_CHARS, passwordProblem } from "../../lib/password-rules";
import { ErrorNotice } from "../../ui/error-notice";
import { Panel } from "../../ui/panel";

const TOGGLE = { "aria-label": "Show password" };

export function PasswordSection({ email }: { email: string }): ReactElement {
  const [current, setCurrent] = useState("");
  const [fresh, setFresh] = useState("");
  const [tried, setTried] = useState(false);
  const change = useMutation({
    mutationFn: (body: ChangePassword) => api.post<unknown>("/auth/password", body),
    onSuccess: () => {
      setCurrent("");
      setFresh("");
      setTried(false);
      notifyDone("Your password was changed. Every other login has ended.");
    },
  });
  const errors = formErrors(change.error, ["current", "new"]);
  const problem = passwordProblem(fresh);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setTried(true);
    if (!problem) change.mutate({ current, new: fresh });
  };
  return (
    <Panel title="Password" description="Changing it logs you out everywhere else.">
      <form onSubmit={submit}>
        <Stack gap="md" maw={420}>
          {errors.general && <ErrorNotice title="Your password was not changed" message={errors.general} />}
          <input type="text" name="username" autoComplete="username" value={email} readOnly hidden />
          <PasswordInput
            label="Present password"
            autoComplete="current-password"
            required
            withAsterisk={false}
            value={current}
            onChange={(event) => setCurrent(event.currentTarget.value)}
            error={errors.fields["current"]}
            visibilityToggleButtonProps={TOGGLE}
          />
          <PasswordInput
            label="New password"
            description={`At least ${PASSWORD_MIN_CHARS} characters.`}
            autoComplete="new-password"
            required
            withAsterisk={false}
            value={fresh}
            onChange={(event) => setFresh(event.currentTarget.value)}
            error={(tried && problem) || errors.fields["new"]}
            visibilityToggleButtonProps={TOGGLE}
          />
          <Group>
            <Button type="submit" loading={change.isPending}>
              Change password
            </Button>
          </Group>
        </Stack>
      </form>
    </Panel>
  );
}
