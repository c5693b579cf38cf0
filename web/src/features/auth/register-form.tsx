import { Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactElement } from "react";
import { api } from "../../api/client";
import { formErrors } from "../../api/form-errors";
import type { LoggedIn, Register } from "../../api/types";
import { PASSWORD_MIN_CHARS, passwordProblem } from "../../lib/password-rules";
import { ErrorNotice } from "../../ui/error-notice";

export interface RegisterFormProps {
  action: string;
  invitation?: string | undefined;
  setupToken?: string | undefined;
  onRegistered: (loggedIn: LoggedIn) => void;
}

const FIELDS = ["name", "email", "password"] as const;

/** Makes an account: of its own, by invitation, or as the first administrator. */
export function RegisterForm({ action, invitation, setupToken, onRegistered }: RegisterFormProps): ReactElement {
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [tried, setTried] = useState(false);
  const register = useMutation({
    mutationFn: (body: Register) => api.post<LoggedIn>("/auth/register", body),
    onSuccess: onRegistered,
  });
  const errors = formErrors(register.error, FIELDS);
  const problem = passwordProblem(password);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setTried(true);
    if (problem) return;
    register.mutate({
      name: name.trim(),
      email: email.trim(),
      password,
      invitation,
      setup_token: setupToken,
      delivery: "cookie",
    });
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        {errors.general && <ErrorNotice title="The account was not created" message={errors.general} />}
        <TextInput
          label="Name"
          name="name"
          autoComplete="name"
          autoFocus
          required
          withAsterisk={false}
          maxLength={64}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={errors.fields["name"]}
        />
        <TextInput
          label="E-mail"
          type="text" inputMode="email" autoCapitalize="none" spellCheck={false}
          name="email"
          autoComplete="username"
          required
          withAsterisk={false}
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
          error={errors.fields["email"]}
        />
        <PasswordInput
          label="Password"
          description={`At least ${PASSWORD_MIN_CHARS} characters. A few words in a row are easy to remember.`}
          name="password"
          autoComplete="new-password"
          required
          withAsterisk={false}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          error={(tried && problem) || errors.fields["password"]}
          visibilityToggleButtonProps={{ "aria-label": "Show password" }}
        />
        <Button type="submit" loading={register.isPending} fullWidth>
          {action}
        </Button>
      </Stack>
    </form>
  );
}
