/** Small pictures, drawn here: lines of one weight on a field of 20 by 20. They say nothing to a screen reader. */
const DRAWN = {
  home: "M3 9l7-6 7 6v8h-5v-5H8v5H3z",
  jobs: "M4 5h12M4 10h12M4 15h7",
  files: "M3 6V4h5l2 2h7v10H3z",
  workflow: "M3 5h4v4H3zM13 11h4v4h-4zM7 7h4a3 3 0 0 1 3 3v1",
  site: "M4 4h12v5H4zM4 11h12v5H4zM7 6.500h.01M7 13.500h.01",
  target: "M3 6c0-1.500 3-2.500 7-2.500s7 1 7 2.500-3 2.500-7 2.500S3 7.500 3 6zM3 6v8c0 1.500 3 2.500 7 2.500s7-1 7-2.500V6M3 10c0 1.500 3 2.500 7 2.500s7-1 7-2.500",
  people: "M7.500 9a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.500 17c0-3 2-5 5-5s5 2 5 5M13 3.500a3 3 0 0 1 0 5.500M14.500 12.300c2 .7 3 2.400 3 4.700",
  bell: "M5 13.500V9a5 5 0 0 1 10 0v4.500l1.200 1.500H3.800zM8.500 17a1.600 1.600 0 0 0 3 0",
  muted: "M5 13.500V9a5 5 0 0 1 10 0v4.500l1.200 1.500H3.800zM8.500 17a1.600 1.600 0 0 0 3 0M3 3l14 14",
  webhook: "M6.500 13.500a3 3 0 1 1-2-5.200M10 3a3 3 0 0 1 2.600 4.500L15 12M14 10.500a3 3 0 1 1-1.500 5.600M7.600 7.500L5.500 13.500h8",
  audit: "M5 3h7l3 3v11H5zM8 9h4M8 12h4",
  alert: "M10 3l8 14H2zM10 8v4M10 14.500h.01",
  settings: "M10 12.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM10 2.500v2M10 15.500v2M2.500 10h2M15.500 10h2M4.700 4.700l1.400 1.400M13.900 13.900l1.400 1.400M4.700 15.300l1.400-1.400M13.900 6.100l1.400-1.400",
  key: "M12.500 10a3.500 3.500 0 1 0-3.300-2.300L3 14v3h3v-2h2v-2h1l1.200-1.200a3.500 3.500 0 0 0 2.300.2zM13 6.500h.01",
  search: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12zM13.500 13.500L17 17",
  moon: "M16 12A7 7 0 0 1 8 4a7 7 0 1 0 8 8z",
  sun: "M10 13.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM10 1.500v2M10 16.500v2M1.500 10h2M16.500 10h2M4 4l1.400 1.400M14.600 14.600L16 16M4 16l1.400-1.400M14.600 5.400L16 4",
  system: "M3 4h14v9H3zM7 17h6M10 13v4",
  out: "M8 4H4v12h4M9 10h8M14 7l3 3-3 3",
  book: "M4 4h5a2 2 0 0 1 1 1 2 2 0 0 1 1-1h5v11h-5l-1 1-1-1H4zM10 5v11",
  play: "M6 4l10 6-10 6z",
  pause: "M7 4v12M13 4v12",
  stop: "M5 5l10 10M15 5L5 15",
  retry: "M4 10a6 6 0 1 1 2 4.500M4 16v-3.500h3.500",
  down: "M10 3v10M6 9.500l4 4 4-4M4 17h12",
  up: "M5 12l5-5 5 5",
  right: "M8 5l5 5-5 5",
  check: "M4 10.500l4 4 8-9",
  close: "M5 5l10 10M15 5L5 15",
  plus: "M10 4v12M4 10h12",
  filter: "M3 5h14l-5.500 6v5l-3-1.500V11z",
  clock: "M10 17.500a7.500 7.500 0 1 0 0-15 7.500 7.500 0 0 0 0 15zM10 6v4.500l3 1.500",
  star: "M10 3l2.200 4.600 5 .7-3.600 3.500.9 5L10 14.400l-4.500 2.400.9-5L2.800 8.300l5-.7z",
  chart: "M3 17h14M5.500 14V9M10 14V4M14.500 14v-7",
  calendar: "M3 5h14v12H3zM3 9h14M7 3v4M13 3v4",
  copy: "M7 7h9v10H7zM13 7V3H4v10h3",
  warning: "M10 6v5M10 14h.01M10 17.500a7.500 7.500 0 1 0 0-15 7.500 7.500 0 0 0 0 15z",
} as const;

export type IconName = keyof typeof DRAWN;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="1.600" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false">
      <path d={DRAWN[name]} />
    </svg>
  );
}
