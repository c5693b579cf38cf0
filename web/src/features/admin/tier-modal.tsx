import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useRef, useState, type FormEvent, type ReactElement } from "react";
import { formErrors } from "../../api/form-errors";
import type { Tier } from "../../api/types";
import { notifyDone } from "../../lib/notify";
import { LIMITS, nameProblem, USER_LIMITS, WORKSPACE_LIMITS, type LimitField } from "../../lib/tier-limits";
import { ErrorNotice } from "../../ui/error-notice";
import { QuantityInput } from "../../ui/quantity-input";
import { limitsOf, problemsOf, typedLimits } from "./tier-form";
import classes from "./tier-modal.module.css";
import { useSetTier } from "./use-tiers";

export interface TierModalProps {
  /** The plan that is changed; without one, a plan is added. */
  tier?: Tier;
  /** Names that a new plan cannot have: setting one of these would change that plan. */
  taken?: readonly string[];
  onClose: () => void;
}

export function TierModal({ tier, taken = [], onClose }: TierModalProps): ReactElement {
  const [name, setName] = useState(tier?.name ?? "");
  const [typed, setTyped] = useState(() => typedLimits(tier?.limits));
  const [tried, setTried] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const set = useSetTier();
  const refused = formErrors(set.error, ["name", ...LIMITS.map((field) => field.name)]);
  const nameWrong = tier ? undefined : nameProblem(name.trim(), taken);
  const problems = problemsOf(typed);

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setTried(true);
    const limits = limitsOf(typed);
    if (nameWrong || !limits) {
      const wrong = [nameWrong && "name", ...LIMITS.map((field) => problems[field.name] && field.name)].find(Boolean);
      form.current?.querySelector<HTMLInputElement>(`[data-field="${wrong}"] input`)?.focus();
      return;
    }
    set.mutate(
      { name: name.trim(), limits },
      {
        onSuccess: (answer) => {
          notifyDone(tier ? `The plan ${answer.name} has new limits.` : `The plan ${answer.name} is added.`);
          onClose();
        },
      },
    );
  };

  const input = (field: LimitField): ReactElement => (
    <div key={field.name} data-field={field.name}>
      <QuantityInput
        label={field.label}
        description={tier && field.holds}
        placeholder={field.optional && "The platform's default"}
        units={field.units.map((unit) => unit.label)}
        text={typed[field.name].text}
        unit={typed[field.name].unit}
        required={!field.optional}
        error={tried && problems[field.name] ? problems[field.name] : refused.fields[field.name]}
        onChange={(text, unit) => {
          setTyped((old) => ({ ...old, [field.name]: { text, unit } }));
          if (set.error) set.reset();
        }}
      />
    </div>
  );

  return (
    <Modal opened onClose={onClose} size="lg" title={tier ? `Limits of the plan ${tier.name}` : "Add plan"}>
      <form ref={form} onSubmit={submit} noValidate>
        <Stack gap="md">
          <Text size="sm" c="dimmed">
            {tier
              ? "Changes reach running workspaces within moments, without a restart, and end nothing in them. What waits for the next start says so below, and a workspace shows its owner what does not hold yet."
              : "Nobody has a new plan until it is given to users."}{" "}
            What is left empty gets the platform’s default.
          </Text>
          {!tier && (
            <div data-field="name">
              <TextInput
                data-autofocus
                label="Name"
                description="As people see it. It cannot be changed later."
                autoComplete="off"
                autoCapitalize="none"
                spellCheck={false}
                aria-required
                maxLength={32}
                value={name}
                onChange={(event) => {
                  setName(event.currentTarget.value);
                  if (set.error) set.reset();
                }}
                error={tried && nameWrong ? nameWrong : refused.fields["name"]}
              />
            </div>
          )}
          <fieldset className={classes.group}>
            <legend>Each workspace</legend>
            <div className={classes.fields}>{WORKSPACE_LIMITS.map(input)}</div>
          </fieldset>
          <fieldset className={classes.group}>
            <legend>Each user</legend>
            <div className={classes.fields}>{USER_LIMITS.map(input)}</div>
          </fieldset>
          {refused.general && <ErrorNotice title="Nothing was changed" message={refused.general} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={set.isPending}>
              {tier ? "Save" : "Add plan"}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
