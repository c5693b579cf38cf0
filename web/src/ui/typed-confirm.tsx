import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useState, type FormEvent, type ReactElement, type ReactNode } from "react";

export interface TypedConfirmProps {
  title: string;
  children: ReactNode;
  /** What has to be typed. */
  phrase: string;
  action: string;
  pending: boolean;
  error?: string | undefined;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks for a destructive act to be confirmed by typing its object's name. */
export function TypedConfirm(props: TypedConfirmProps): ReactElement {
  const [typed, setTyped] = useState("");
  const matches = typed.trim() === props.phrase;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (matches && !props.pending) props.onConfirm();
  };
  return (
    <Modal opened onClose={props.onClose} title={props.title}>
      <form onSubmit={submit}>
        <Stack gap="md">
          <Text size="sm" component="div">
            {props.children}
          </Text>
          <TextInput
            data-autofocus
            label={
              <>
                Type <strong>{props.phrase}</strong> to confirm
              </>
            }
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            error={props.error}
            autoComplete="off"
            spellCheck={false}
          />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={props.onClose}>
              Cancel
            </Button>
            <Button type="submit" color="red.9" disabled={!matches} loading={props.pending}>
              {props.action}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
