import { ApiError, messageOf } from "./errors";

export interface FormErrors {
  /** About one field, by its name in the API. */
  fields: Record<string, string>;
  /** About the form as a whole. */
  general?: string;
}

/** Puts a refusal beside the field it is about, when that field is on the form. */
export function formErrors(error: Error | null, fields: readonly string[]): FormErrors {
  if (!error) return { fields: {} };
  const field = error instanceof ApiError ? error.field : undefined;
  if (field && fields.includes(field)) return { fields: { [field]: error.message } };
  return { fields: {}, general: messageOf(error) };
}
