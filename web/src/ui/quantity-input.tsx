import { NativeSelect, TextInput } from "@mantine/core";
import type { ReactElement } from "react";
import classes from "./quantity-input.module.css";

const UNIT_WIDTH = 96;
/** Said, because else the select has the width of the section that it stands in. */
const CHEVRON_WIDTH = 26;

export interface QuantityInputProps {
  label: string;
  description?: string | undefined;
  placeholder?: string | undefined;
  /** Labels of the units to choose from; a single one is only shown, one without a label is not. */
  units: readonly string[];
  text: string;
  unit: string;
  required?: boolean;
  error?: string | undefined;
  onChange: (text: string, unit: string) => void;
}

/** A number as people write it, and its unit. */
export function QuantityInput(props: QuantityInputProps): ReactElement {
  const { label, units, text, unit, onChange } = props;
  const choice =
    units.length > 1 ? (
      <NativeSelect
        aria-label={`Unit: ${label}`}
        data={[...units]}
        value={unit}
        onChange={(event) => onChange(text, event.currentTarget.value)}
        w="100%"
        h="100%"
        rightSectionWidth={CHEVRON_WIDTH}
        classNames={{ wrapper: classes.fill, input: classes.unit }}
      />
    ) : (
      <span className={classes.only}>{unit}</span>
    );
  return (
    <TextInput
      label={label}
      description={props.description}
      inputWrapperOrder={["label", "input", "error", "description"]}
      placeholder={props.placeholder}
      inputMode="decimal"
      autoComplete="off"
      aria-required={props.required}
      value={text}
      onChange={(event) => onChange(event.currentTarget.value, unit)}
      error={props.error}
      rightSection={unit ? choice : undefined}
      rightSectionWidth={unit ? UNIT_WIDTH : undefined}
      rightSectionPointerEvents="all"
    />
  );
}
