import { createTheme, type MantineColorsTuple } from "@mantine/core";

/** One accent, a deep teal; everything else is a warm neutral. */
const accent: MantineColorsTuple = [
  "#edf7f4",
  "#d9ece7",
  "#b0d9cf",
  "#83c5b6",
  "#5fb4a2",
  "#48a995",
  "#2f9582",
  "#17806e",
  "#0f6b5f",
  "#08564c",
];

const gray: MantineColorsTuple = [
  "#fafaf8",
  "#f4f4f1",
  "#eaeae6",
  "#dededa",
  "#cbcbc5",
  "#a9a9a2",
  "#82827b",
  "#63635d",
  "#3e3e3a",
  "#232320",
];

const dark: MantineColorsTuple = [
  "#e6e6e1",
  "#bdbdb6",
  "#92928b",
  "#6d6d67",
  "#40413e",
  "#2e2f2d",
  "#232423",
  "#1a1b1a",
  "#141514",
  "#0e0f0e",
];

export const MONO = '"Geist Mono Variable", ui-monospace, SFMono-Regular, Menlo, Consolas, monospace';
const SANS = '"Geist Variable", system-ui, -apple-system, "Segoe UI", sans-serif';

export const theme = createTheme({
  colors: { accent, gray, dark },
  primaryColor: "accent",
  primaryShade: { light: 8, dark: 6 },
  black: "#1d1d1a",
  defaultRadius: "md",
  radius: { xs: "3px", sm: "5px", md: "7px", lg: "10px", xl: "16px" },
  fontFamily: SANS,
  fontFamilyMonospace: MONO,
  fontSizes: { xs: "12px", sm: "13px", md: "14px", lg: "16px", xl: "19px" },
  lineHeights: { xs: "1.4", sm: "1.45", md: "1.5", lg: "1.5", xl: "1.4" },
  headings: {
    fontFamily: SANS,
    fontWeight: "600",
    sizes: {
      h1: { fontSize: "24px", lineHeight: "1.25" },
      h2: { fontSize: "17px", lineHeight: "1.35" },
      h3: { fontSize: "14px", lineHeight: "1.4" },
    },
  },
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    InputWrapper: { defaultProps: { withAsterisk: false } },
    Button: { defaultProps: { size: "sm" }, styles: { label: { fontWeight: 500 } } },
    TextInput: { defaultProps: { size: "sm" } },
    PasswordInput: { defaultProps: { size: "sm" } },
    Autocomplete: { defaultProps: { size: "sm" } },
    NumberInput: { defaultProps: { size: "sm" } },
    Textarea: { defaultProps: { size: "sm" } },
    Select: { defaultProps: { size: "sm", checkIconPosition: "right" } },
    TagsInput: { defaultProps: { size: "sm" } },
    Tooltip: { defaultProps: { openDelay: 250, withArrow: false } },
    Table: {
      defaultProps: { verticalSpacing: 9, horizontalSpacing: "md", borderColor: "var(--line)" },
      styles: { th: { fontSize: 12, fontWeight: 500, color: "var(--muted)" } },
    },
    Tabs: { styles: { root: { "--tab-border-color": "var(--line)" }, tab: { paddingInline: 14 } } },
    Badge: {
      defaultProps: { variant: "light", radius: "sm" },
      styles: { root: { textTransform: "none", fontWeight: 500 } },
    },
  },
});
