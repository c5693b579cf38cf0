import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

/** Coditect's own colour: a deep sea green that stays readable on paper white and on ink. */
export const brand: MantineColorsTuple = [
  "#effcf9",
  "#d3f6ee",
  "#a8ecdf",
  "#72dbcb",
  "#43c3b3",
  "#22a598",
  "#14827a",
  "#126b65",
  "#125552",
  "#113f3d",
];

export const gray: MantineColorsTuple = [
  "#f6f8f9",
  "#edf0f3",
  "#e1e6eb",
  "#d0d8df",
  "#b3bec8",
  "#83909d",
  "#57636f",
  "#414c57",
  "#2d363f",
  "#1a2027",
];

/** From text (0) to the deepest surface (9). */
export const dark: MantineColorsTuple = [
  "#d9dee4",
  "#b9c1ca",
  "#97a2ae",
  "#6b7683",
  "#3a444e",
  "#2a323a",
  "#1e242b",
  "#171c22",
  "#11151a",
  "#0c0f13",
];

export interface Surfaces {
  body: string;
  /** Cards, menus, dialogs. */
  raised: string;
  /** Wells, code, hovered rows. */
  sunken: string;
  border: string;
  text: string;
  dimmed: string;
  link: string;
  danger: string;
  warning: string;
  success: string;
}

export const lightSurfaces: Surfaces = {
  body: gray[0],
  raised: "#ffffff",
  sunken: gray[1],
  border: gray[2],
  text: gray[9],
  dimmed: gray[6],
  link: brand[7],
  danger: "#b42318",
  warning: "#8a5200",
  success: "#11703f",
};

export const darkSurfaces: Surfaces = {
  body: dark[8],
  raised: dark[7],
  sunken: dark[6],
  border: dark[5],
  text: dark[0],
  dimmed: dark[2],
  link: brand[3],
  danger: "#ff9b90",
  warning: "#f2b25c",
  success: "#6fd69b",
};

export const theme = createTheme({
  primaryColor: "brand",
  primaryShade: { light: 7, dark: 6 },
  colors: { brand, gray, dark },
  black: gray[9],
  fontFamily: "'Inter Variable', system-ui, -apple-system, 'Segoe UI', sans-serif",
  fontFamilyMonospace: "'JetBrains Mono Variable', ui-monospace, 'SF Mono', Menlo, Consolas, monospace",
  fontSizes: { xs: "0.75rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.25rem" },
  headings: {
    fontWeight: "620",
    sizes: {
      h1: { fontSize: "1.375rem", lineHeight: "1.3" },
      h2: { fontSize: "1.0625rem", lineHeight: "1.35" },
      h3: { fontSize: "0.9375rem", lineHeight: "1.4" },
    },
  },
  defaultRadius: "sm",
  radius: { xs: "3px", sm: "6px", md: "8px", lg: "12px", xl: "20px" },
  focusRing: "auto",
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    Button: { defaultProps: { size: "sm" } },
    TextInput: { defaultProps: { size: "sm" } },
    PasswordInput: { defaultProps: { size: "sm" } },
    Select: { defaultProps: { size: "sm" } },
    NativeSelect: { defaultProps: { size: "sm" } },
    Tooltip: { defaultProps: { openDelay: 350, withArrow: false, fz: "xs" } },
    Modal: {
      defaultProps: {
        centered: true,
        overlayProps: { backgroundOpacity: 0.4, blur: 2 },
        radius: "md",
        closeButtonProps: { "aria-label": "Close" },
      },
      styles: {
        content: { background: "var(--cd-raised)" },
        header: { background: "var(--cd-raised)" },
        title: { fontWeight: 600 },
      },
    },
    // A dialog's <header> would count as the page's second banner.
    ModalHeader: { defaultProps: { role: "presentation" } },
    Notification: { defaultProps: { closeButtonProps: { "aria-label": "Dismiss" } } },
    // The first item takes the focus; the placeholder that Mantine offers instead is no child a menu may have.
    Menu: { defaultProps: { shadow: "md", radius: "md", withinPortal: true, withInitialFocusPlaceholder: false } },
  },
});

function variables(surfaces: Surfaces): Record<string, string> {
  return {
    "--mantine-color-body": surfaces.body,
    "--mantine-color-text": surfaces.text,
    "--mantine-color-dimmed": surfaces.dimmed,
    "--mantine-color-placeholder": surfaces.dimmed,
    "--mantine-color-anchor": surfaces.link,
    "--mantine-color-error": surfaces.danger,
    "--mantine-color-default": surfaces.raised,
    "--mantine-color-default-hover": surfaces.sunken,
    "--mantine-color-default-border": surfaces.border,
    "--cd-body": surfaces.body,
    "--cd-raised": surfaces.raised,
    "--cd-sunken": surfaces.sunken,
    "--cd-border": surfaces.border,
    "--cd-dimmed": surfaces.dimmed,
    "--cd-link": surfaces.link,
    "--cd-danger": surfaces.danger,
    "--cd-warning": surfaces.warning,
    "--cd-success": surfaces.success,
  };
}

/** `--cd-*` for our own style sheets, and the same surfaces for Mantine's components. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: { "--cd-header-height": "48px" },
  light: variables(lightSurfaces),
  dark: variables(darkSurfaces),
});
