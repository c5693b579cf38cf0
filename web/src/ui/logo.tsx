import type { ReactElement } from "react";

/** The mark: an open bracket that is also a C, and the cursor in it. Decorative; the name stands beside it. */
export function Logo({ size = 24 }: { size?: number }): ReactElement {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" fill="#126b65" />
      <path
        d="M20.5 10.2a7.4 7.4 0 1 0 0 11.6"
        fill="none"
        stroke="#ffffff"
        strokeWidth="3"
        strokeLinecap="round"
      />
      <rect x="18.4" y="14.4" width="7" height="3.2" rx="1" fill="#72dbcb" />
    </svg>
  );
}
