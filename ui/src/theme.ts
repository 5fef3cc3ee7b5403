/** How it looks: one accent colour, the fonts of the reader's system, and greys that can be read. */
import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

const water: MantineColorsTuple = [
  "#eaf6f8", "#d5ebef", "#aad7e0", "#7cc1cf", "#57afc1", "#3d9fb3", "#1f8499", "#0b6b80", "#08586a", "#054450",
];
const slate: MantineColorsTuple = [
  "#d3dae1", "#b4bec9", "#9aa7b4", "#7b8997", "#4a5764", "#35404b", "#27313a", "#1c242c", "#141a20", "#0e1317",
];

export const theme = createTheme({
  primaryColor: "water",
  primaryShade: { light: 7, dark: 7 },
  colors: { water, dark: slate },
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif",
  fontFamilyMonospace: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace",
  headings: { fontWeight: "620", sizes: { h1: { fontSize: "1.45rem", lineHeight: "1.3" }, h2: { fontSize: "1.05rem", lineHeight: "1.4" }, h3: { fontSize: "0.95rem", lineHeight: "1.4" } } },
  fontSizes: { xs: "0.75rem", sm: "0.84rem", md: "0.9rem", lg: "1rem", xl: "1.2rem" },
  defaultRadius: "md",
  cursorType: "pointer",
  focusRing: "auto",
  respectReducedMotion: true,
  components: {
    // Its header is no banner of the page, and its cross has a name.
    Modal: { defaultProps: { closeButtonProps: { "aria-label": "Close" }, attributes: { header: { role: "presentation" } } } },
  },
});

export const resolver: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-body": "#ffffff", "--mantine-color-text": "#18222c", "--mantine-color-dimmed": "#566472",
    "--mantine-color-anchor": "#0a6175", "--mantine-color-placeholder": "#66727e", "--mantine-color-error": "#b3261e",
    "--tow-ground": "#f6f8f9", "--tow-panel": "#ffffff", "--tow-line": "#e2e7eb", "--tow-hover": "#eef2f4", "--tow-chosen": "#e4f1f4",
    "--tow-good": "#1d7a46", "--tow-bad": "#b3261e", "--tow-warn": "#8a5a00", "--tow-busy": "#0b6b80", "--tow-still": "#566472",
    "--tow-good-soft": "#e5f4ea", "--tow-bad-soft": "#fcebe9", "--tow-warn-soft": "#fdf2db", "--tow-busy-soft": "#e2f1f4", "--tow-still-soft": "#edf1f4",
    "--tow-series-0": "#0b6b80", "--tow-series-1": "#c26a12", "--tow-series-2": "#6d4bb3", "--tow-series-3": "#2a8a52", "--tow-series-4": "#b3266b",
  },
  dark: {
    "--mantine-color-body": "#12181d", "--mantine-color-text": "#e6ecf1", "--mantine-color-dimmed": "#9fadba",
    "--mantine-color-anchor": "#7cc9d9", "--mantine-color-placeholder": "#8b98a5", "--mantine-color-error": "#f59a92",
    "--tow-ground": "#0e1317", "--tow-panel": "#151c22", "--tow-line": "#28323b", "--tow-hover": "#1c252d", "--tow-chosen": "#14323a",
    "--tow-good": "#74cf97", "--tow-bad": "#f59a92", "--tow-warn": "#e6bb62", "--tow-busy": "#7cc9d9", "--tow-still": "#9fadba",
    "--tow-good-soft": "#15301f", "--tow-bad-soft": "#3b1d1b", "--tow-warn-soft": "#362a10", "--tow-busy-soft": "#12313a", "--tow-still-soft": "#222b33",
    "--tow-series-0": "#57afc1", "--tow-series-1": "#e6a562", "--tow-series-2": "#b39ddb", "--tow-series-3": "#74cf97", "--tow-series-4": "#f08bb4",
  },
});
