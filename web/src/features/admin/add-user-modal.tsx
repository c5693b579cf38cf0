import { Button, Checkbox, Group, Modal, NativeSelect, Stack, TextInput } from "@mantine/core";
import { useState, type FormEvent, type ReactElement } from "react";
import { formErrors } from "../../api/form-errors";
import { ErrorNotice } from "../../ui/error-notice";
import { PasswordOnce } from "./password-once";
import { useTierNames } from "./use-tiers";
import { useCreateUser } from "./use-users";

export function AddUserModal({ onClose }: { onClose: () => void }): ReactElement {
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [tier, setTier] = useState("");
  const [admin, setAdmin] = useState(false);
  const create = useCreateUser();
  const tiers = useTierNames();
  const errors = formErrors(create.error, ["name", "email"]);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    create.mutate({ name: name.trim(), email: email.trim(), tier: tier || undefined, admin });
  };
  return (
    <Modal opened onClose={onClose} title={create.data ? "The account is ready" : "Add user"}>
      {create.data ? (
        <PasswordOnce answer={create.data} onClose={onClose} />
      ) : (
        <form onSubmit={submit}>
          <Stack gap="md">
            {errors.general && <ErrorNotice title="The account was not made" message={errors.general} />}
            <TextInput
              data-autofocus
              label="Name"
              required
              withAsterisk={false}
              maxLength={64}
              autoComplete="off"
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              error={errors.fields["name"]}
            />
            <TextInput
              label="E-mail"
              type="text" inputMode="email" autoCapitalize="none" spellCheck={false}
              required
              withAsterisk={false}
              autoComplete="off"
              value={email}
              onChange={(event) => setEmail(event.currentTarget.value)}
              error={errors.fields["email"]}
            />
            <NativeSelect
              label="Plan"
              data={[{ value: "", label: "The default plan" }, ...tiers]}
              value={tier}
              onChange={(event) => setTier(event.currentTarget.value)}
            />
            <Checkbox
              label="Administrator of this installation"
              checked={admin}
              onChange={(event) => setAdmin(event.currentTarget.checked)}
            />
            <Group justify="flex-end" gap="xs">
              <Button variant="default" onClick={onClose}>
                Cancel
              </Button>
              <Button type="submit" loading={create.isPending}>
                Add user
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Modal>
  );
}
